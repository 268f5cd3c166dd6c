"""Several searches in one request: the way to the cluster and back costs as much as a small search."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from elastic_transport import ApiResponseMeta
from elasticsearch import ApiError, Elasticsearch
from elasticsearch.exceptions import HTTP_EXCEPTIONS

from index.stores.elasticsearch_client import Client

Search = tuple[str, Mapping[str, Any]]  # index and body


def together(client: Elasticsearch, *searches: Search) -> list[Mapping[str, Any]]:
    """The answer to each. Raises what the first that fails would raise alone."""
    lines: list[Any] = []
    for index, body in searches:
        lines += [{"index": index, "allow_partial_search_results": False}, {"track_total_hits": False, **body}]
    response = client.msearch(searches=lines)
    answers: list[Mapping[str, Any]] = response["responses"]
    for answer in answers:
        if "error" in answer:
            raise _refusal(client, answer, response.meta)
    return answers


def _refusal(client: Elasticsearch, answer: Mapping[str, Any], meta: ApiResponseMeta) -> Exception:
    status = answer["status"]
    kind = HTTP_EXCEPTIONS.get(status, ApiError)
    error = kind(str(answer["error"].get("type")), meta=replace(meta, status=status), body=answer)
    return (client.explained(error) if isinstance(client, Client) else None) or error
