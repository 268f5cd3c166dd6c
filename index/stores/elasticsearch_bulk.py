"""Bulk requests: each document by itself, what is busy tried again, what is refused told with the reason."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
from elasticsearch import Elasticsearch

from index.errors import StoreError
from index.stores.elasticsearch_client import BUSY, FIRST_PAUSE, LONGEST_PAUSE, Client

MOST_DOCUMENTS, MOST_BYTES = 1000, 8 * 1024 * 1024  # of one request
ATTEMPTS = 8  # of a document that the cluster is too busy for: with the pauses about fifteen seconds
CONFLICT = 409
BLOCKED = "cluster_block_exception"
ANSWER = ["errors", "items.*.status", "items.*.error.type", "items.*.error.reason"]


class Action(msgspec.Struct, frozen=True, gc=False):
    """Put `document` (None: delete what is there) at `id` in the index `where`. `expected` is the state (sequence
    number, primary term) that must be found there; None: nothing must be there."""

    where: str
    id: str
    document: bytes | None
    expected: tuple[int, int] | None = None


class Result(NamedTuple):
    status: int
    kind: str = ""
    reason: str = ""

    @property
    def done(self) -> bool:
        return self.status < 300


DONE = Result(200)


def send(client: Elasticsearch, actions: Sequence[Action], *extra: bytes) -> list[Result]:
    """One result for each action. `extra` lines (header, document) go along with the last request and are not
    answered for. A connection that breaks is tried again too, so an action whose answer was lost meets its own
    work: a conflict means "look again", never "somebody else". Raises StoreError."""
    results: list[Result] = [Result(503)] * len(actions)
    left = list(range(len(actions)))
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(random.uniform(0.5, 1) * min(LONGEST_PAUSE, FIRST_PAUSE * 2**attempt))
        for part in _parts(actions, left):
            lines = [line for i in part for line in _lines(actions[i])]
            if part[-1] == left[-1]:
                lines += extra
            for i, item in zip(part, _items(client, lines, len(part)), strict=False):
                results[i] = item
        left = [i for i in left if results[i].status in BUSY]
        if not left:
            break
    _raise_if_unusable(client, results)
    return results


def send_lines(
    client: Elasticsearch, index: str, lines: Sequence[Any], *, expected: int = CONFLICT, **options: Any
) -> None:
    """One bulk request of ready lines for an index. Raises StoreError for the first that is refused, other than
    with the status `expected`."""
    answer = client.bulk(index=index, operations=lines, filter_path=ANSWER, **options)
    refused = [r for item in answer["items"] if not (r := _result(*item.values())).done and r.status != expected]
    _raise_if_unusable(client, refused)
    if refused:
        raise StoreError(f"Elasticsearch does not take what is to be written to {index}: {refused[0].reason}")


def _raise_if_unusable(client: Elasticsearch, results: Sequence[Result]) -> None:
    """What hits every document alike is no fault of a document."""
    for result in results:
        if not result.done and result.kind != BLOCKED and isinstance(client, Client):
            refusal = client.refusal(result.status, {"type": result.kind, "reason": result.reason})
            if refusal:
                raise refusal


def blocked(client: Elasticsearch, result: Result) -> StoreError:
    """The error for an index that takes no writes."""
    refusal = None
    if isinstance(client, Client):
        refusal = client.refusal(result.status, {"type": result.kind, "reason": result.reason})
    return refusal or StoreError(f"Elasticsearch takes no writes: {result.reason}")


def _parts(actions: Sequence[Action], which: Sequence[int]) -> list[list[int]]:
    parts: list[list[int]] = []
    size = 0
    for i in which:
        length = len(actions[i].document or b"")
        if not parts or size + length > MOST_BYTES or len(parts[-1]) == MOST_DOCUMENTS:
            parts.append([])
            size = 0
        parts[-1].append(i)
        size += length
    return parts


def _lines(action: Action) -> list[bytes]:
    header: dict[str, Any] = {"_index": action.where, "_id": action.id}
    if action.expected:
        header["if_seq_no"], header["if_primary_term"] = action.expected
    if action.document is None:
        return [msgspec.json.encode({"delete": header})]
    return [msgspec.json.encode({"index" if action.expected else "create": header}), action.document]


def _items(client: Elasticsearch, lines: Sequence[bytes], wanted: int) -> list[Result]:
    answer = client.bulk(operations=b"\n".join((*lines, b"")), filter_path=ANSWER)  # type: ignore[arg-type]
    if not answer["errors"]:
        return [DONE] * wanted
    return [_result(*item.values()) for item in answer["items"]]


def _result(item: dict[str, Any]) -> Result:
    error = item.get("error") or {}
    return Result(item["status"], error.get("type", ""), error.get("reason", ""))
