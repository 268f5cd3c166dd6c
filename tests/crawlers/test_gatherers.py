"""Two gatherers, as on two machines, ask each source as often as one would."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections import Counter
from datetime import UTC, datetime, timedelta
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

from waiting import until

from crawlers.replica import Author, Post, Replica
from crawlers.schedule import run
from index import claims
from index.inbox.sqlite import SqliteInbox
from index.settings import Brand, Settings
from index.sources import Sources

POSTS = 30
AGE = timedelta(hours=1)
PATIENCE = 300.0


class NothingStored:
    def digests(self, ids: Any) -> dict[str, tuple[int, str]]:
        return {}


def _gather(settings: Settings, start: Event, stop: Event) -> None:
    claims.CLAIM = timedelta(hours=1)  # a slow machine is no dead gatherer
    inbox = SqliteInbox(settings.home / "inbox.sqlite")
    start.wait()
    asyncio.run(run(settings, inbox, NothingStored(), stop))  # type: ignore[arg-type] - it only asks is_set
    inbox.close()


def _requests(home: Path, records: str, gatherers: int) -> Counter[str]:
    """How often each path of a replica was asked until everything was heard."""
    home.mkdir()
    author = Author(id="1", name="ann")
    replica = Replica(
        Post(platform=p, id=str(n), author=author, text="Hoshino", title=f"T{n}", at=datetime.now(UTC) - AGE * n)
        for p in ("hackernews", "rss_news")
        for n in range(1, POSTS + 1)
    ).start()
    wanted = [s for s in replica.sources(every=3600.0) if s.platform in ("hackernews", "rss_news")]
    settings = Settings(home=home, records=records, brands=(Brand(name="Hoshino"),), sources=tuple(wanted))
    inbox, sources = SqliteInbox(home / "inbox.sqlite"), Sources(settings)
    spawn = multiprocessing.get_context("spawn")
    start, stop = spawn.Event(), spawn.Event()
    processes = [spawn.Process(target=_gather, args=(settings, start, stop)) for _ in range(gatherers)]
    for process in processes:
        process.start()
    start.set()
    names = {source.name for source in wanted}
    try:
        until(lambda: names <= {name for name, each in sources.standings().items() if each.next_poll_at})
        until(lambda: inbox.depth() == POSTS * len(wanted))
    finally:
        stop.set()
        for process in processes:
            process.join(PATIENCE)
    assert [process.exitcode for process in processes] == [0] * gatherers
    replica.stop()
    inbox.close()
    sources.close()
    return Counter(request.partition("?")[0] for request in replica.requests)  # the rest holds the time


def test_two_gatherers_ask_each_source_as_often_as_one(tmp_path: Path, records_address: str) -> None:
    alone = _requests(tmp_path / "one", "sqlite:records.sqlite", 1)
    assert _requests(tmp_path / "two", records_address, 2) == alone
