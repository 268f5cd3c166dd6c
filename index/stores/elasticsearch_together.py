"""Several searches in one request: the way to the cluster and back costs as much as a small search."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from elastic_transport import ApiResponseMeta
from elasticsearch import ApiError, Elasticsearch
from elasticsearch.exceptions import HTTP_EXCEPTIONS

from index.stores.elasticsearch_client import BUSY, FIRST_PAUSE, LONGEST_PAUSE, Client

ATTEMPTS = 8  # of searches that the cluster is too busy for: with the pauses about fifteen seconds

Search = tuple[str, Mapping[str, Any]]  # index and body


def together(client: Elasticsearch, *searches: Search) -> list[Mapping[str, Any]]:
    """The answer to each. Raises what the first that fails would raise alone."""
    lines: list[Any] = []
    for index, body in searches:
        lines += [{"index": index, "allow_partial_search_results": False}, {"track_total_hits": False, **body}]
    for attempt in range(1, ATTEMPTS + 1):
        response = client.msearch(searches=lines)
        answers: list[Mapping[str, Any]] = response["responses"]
        if attempt == ATTEMPTS or not any(answer["status"] in BUSY for answer in answers):
            break
        time.sleep(random.uniform(0.5, 1) * min(LONGEST_PAUSE, FIRST_PAUSE * 2**attempt))
    for answer in answers:
        if "error" in answer:
            raise _refusal(client, answer, response.meta)
    return answers


def _refusal(client: Elasticsearch, answer: Mapping[str, Any], meta: ApiResponseMeta) -> Exception:
    status = answer["status"]
    kind = HTTP_EXCEPTIONS.get(status, ApiError)
    error = kind(str(answer["error"].get("type")), meta=replace(meta, status=status), body=answer)
    return (client.explained(error) if isinstance(client, Client) else None) or error
