"""What only the Redis inbox has: bounds of what it holds, and what leaves it whole. What every inbox promises is in
tests/contracts/test_inboxes.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import redis
from inboxes import of
from redis_inbox import SOURCE, Start, item, keys_of
from waiting import until

from index.documents import Mention
from index.errors import InboxFull
from index.inbox.protocol import Inbox, Item


def test_what_is_acknowledged_leaves_the_memory_whole(inbox: Inbox, address: str) -> None:
    inbox.put([item(n, author=f"u{n}") for n in range(50)])
    (oldest,) = inbox.lease(1, worker="slow")
    inbox.ack(inbox.lease(100, worker="quick"))
    assert keys_of(address) == {
        "queue",
        "sizes",
        "ends",
        "ends:b1",
        "item:1",
        "versions:weibo:0",
        "author:weibo:u0",
    }
    assert inbox.depth() == 1
    inbox.ack([oldest])
    assert keys_of(address) == {"queue", "sizes", "ends", "ends:b1"}
    assert inbox.health()["bytes"] == 0


def test_a_full_inbox_takes_nothing_and_says_what_to_do_until_there_is_room(
    inbox_at: Callable[..., Inbox], address: str
) -> None:
    inbox = inbox_at(address)
    inbox._limit = 3_000  # type: ignore[attr-defined]
    inbox.put([item(n) for n in range(20)])
    with pytest.raises(InboxFull, match="earshot work"):
        inbox.put([item(n) for n in range(20, 40)])
    with pytest.raises(InboxFull):
        inbox.quarantine_raw(SOURCE, b"?", "no date")
    assert of(inbox) == {"waiting": 20}
    inbox.ack(inbox.lease(20, worker="w"))
    assert inbox.put([item(n) for n in range(20, 40)]) == 20
    assert of(inbox) == {"saved": 20, "waiting": 20}


def test_sizes_follow_what_is_kept_in_queue_and_quarantine(inbox: Inbox) -> None:
    inbox.put([item(1), item(2)])
    queued = inbox.health()["bytes"]
    inbox.put([Item(mention=Mention(**{**_fields(item(1)), "version": 2, "text": "edited"}))])
    assert 0 < inbox.health()["bytes"] < queued
    first, second = inbox.lease(2, worker="w")
    inbox.quarantine(first, "bad")
    inbox.ack([second])
    inbox.quarantine_raw(SOURCE, b"12345", "no id")
    health = inbox.health()
    assert health["bytes"] == health["quarantine_bytes"] > 5
    inbox.take_quarantined([entry.id for entry in inbox.quarantined()])
    assert inbox.health()["bytes"] == 0


def _fields(one: Item) -> dict[str, Any]:
    return {name: getattr(one.mention, name) for name in one.mention.__struct_fields__}


def test_a_redis_out_of_memory_refuses_gatherers_and_serves_workers(
    start: Start, inbox_at: Callable[..., Inbox]
) -> None:
    server = start("--maxmemory", "4mb", "--maxmemory-policy", "noeviction")
    inbox = inbox_at(server.url)
    long = "太甜" * 2_000

    put = 0

    def fill() -> None:
        nonlocal put
        while True:
            put += inbox.put([item(n, text=long) for n in range(put, put + 10)])

    with pytest.raises(InboxFull, match="out of memory"):
        fill()
    assert of(inbox) == {"waiting": put}
    while leased := inbox.lease(50, worker="w"):
        inbox.ack(leased)
    assert of(inbox) == {"saved": put}
    assert inbox.put([item(1)]) == 1


def test_erased_text_leaves_the_append_only_file(start: Start, inbox_at: Callable[..., Inbox]) -> None:
    server = start()
    inbox = inbox_at(server.url)
    inbox.put([item(1, text="秘密的句子 secret sentence", author="u7"), item(2, text="another")])

    def written() -> bytes:
        return b"".join(file.read_bytes() for file in server.folder.rglob("*") if file.is_file())

    until(lambda: b"secret sentence" in written())
    assert inbox.erase_author("weibo:u7") == 1
    until(lambda: b"secret sentence" not in written())
    until(lambda: b"another" in written())


def test_workers_that_are_gone_are_forgotten_and_what_they_had_is_not(inbox: Inbox, address: str) -> None:
    url, _, prefix = address.partition("?prefix=")
    inbox.put([item(1), item(2)])
    inbox.ack(inbox.lease(1, worker="gone"))
    inbox.lease(1, worker="dead", seconds=3600)
    with redis.Redis.from_url(url) as client:
        queue = f"{prefix}:inbox:queue"
        names = {row["name"] for row in client.xinfo_consumers(queue, "workers")}
        assert names == {b"gone", b"dead"}
    assert inbox.health()["workers"] == ["dead"]
