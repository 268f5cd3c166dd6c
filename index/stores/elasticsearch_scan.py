"""All hits of a query, however many: a point in time and search_after, in constant memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from elasticsearch import Elasticsearch, NotFoundError

from index.errors import StoreError

KEEP = "5m"  # between two pages; an export that somebody pauses for longer must begin again
NEWEST_FIRST: list[dict[str, Any]] = [{"published_at": "desc"}, {"ts": "desc"}, {"id": "desc"}]


def hits(
    client: Elasticsearch,
    index: str,
    query: Mapping[str, Any],
    *,
    batch: int = 1000,
    sort: Sequence[Mapping[str, Any]] | None = None,
    fields: Sequence[str] | bool = True,
    **options: Any,
) -> Iterator[dict[str, Any]]:
    """The picture is that of the first page, whatever is written meanwhile. With the state of each document.
    Raises StoreError when the cluster does not have that picture any more."""
    opened = client.open_point_in_time(index=index, keep_alive=KEEP, allow_partial_search_results=False)
    pit, after = opened["id"], None
    try:
        while True:
            page = client.search(
                allow_partial_search_results=False,
                pit={"id": pit, "keep_alive": KEEP},
                query=query,
                sort=list(sort or [{"_shard_doc": "asc"}]),
                size=batch,
                source=fields,  # type: ignore[arg-type]  # the server takes a list too
                search_after=after,
                seq_no_primary_term=True,
                track_total_hits=False,
                **options,
            )
            pit, found = page["pit_id"], page["hits"]["hits"]
            yield from found
            if len(found) < batch:
                return
            after = found[-1]["sort"]
    except NotFoundError as error:
        raise StoreError(
            "What was being read is gone: nothing was asked for five minutes, or indices were removed. Start again."
        ) from error
    finally:
        with suppress(NotFoundError, StoreError):  # it ends by itself, and the first fault is the one to tell
            client.close_point_in_time(id=pit)
