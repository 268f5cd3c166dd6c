"""Fills a demo home through the real pipeline: files and the replica site in, two workers at the other end."""

from __future__ import annotations

import asyncio
import os
import secrets
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec

from crawlers import schedule
from crawlers.imports import inspect, mapping, raws, remember
from crawlers.replica import Replica
from dashboard.commands.customers import import_customers
from dashboard.commands.parts import Parts
from dashboard.demo.files import write_customers, write_files
from dashboard.demo.site import site_posts
from dashboard.demo.world import World, build_world
from index.errors import SettingsError
from index.query import MentionQuery
from index.settings import load

LOOK_EVERY = 0.3  # seconds between looks at the counts
ENDS = ("saved", "duplicate", "unmatched", "quarantined", "given_up")

Told = Callable[[int, int], None]  # mentions that came to an end, of how many


SQLITE = "sqlite:mentions.sqlite"


class DemoHome(msgspec.Struct, kw_only=True):
    """What makes a second run the same world: kept in demo.json of the home folder."""

    anchor: datetime
    mentions: int
    site_port: int
    store: str = SQLITE


class Filling:
    """One run over one home folder. `world` is the same on every run; so are the files and the site."""

    def __init__(self, home: Path, mentions: int, store: str | None = None) -> None:
        self.home = home
        self._facts = self._facts_of(home, mentions, store)
        self.world: World = build_world(self._facts.anchor, self._facts.mentions)
        self.replica = Replica(site_posts(self.world), port=self._facts.site_port).start()
        self._write_settings()
        self.settings = load(home)
        self._problems: list[BaseException] = []

    @staticmethod
    def _facts_of(home: Path, mentions: int, store: str | None) -> DemoHome:
        file = home / "demo.json"
        if file.exists():
            facts = msgspec.json.decode(file.read_bytes(), type=DemoHome)
            if store and not facts.store.startswith(store):
                raise SettingsError(f"This demo keeps its mentions in {facts.store}. For another: --home DIR")
            return facts
        if (home / "earshot.toml").exists():
            raise SettingsError(f"{home} holds something else than a demo. Choose another folder: --home DIR")
        home.mkdir(parents=True, exist_ok=True)
        facts = DemoHome(
            anchor=datetime.now(UTC), mentions=mentions, site_port=_free_port(), store=_store_address(store)
        )
        file.write_bytes(msgspec.json.encode(facts))
        return facts

    def _write_settings(self) -> None:
        """Also on later runs: a newer Earshot may have other examples."""
        text = files("dashboard.demo").joinpath("earshot.toml").read_text(encoding="utf-8")
        text = f'store = "{self._facts.store}"\n\n{text.replace("@SITE@", self.replica.url)}'
        (self.home / "earshot.toml").write_text(text, encoding="utf-8")
        (self.home / ".env").write_text("DEMO_WEIBO_TOKEN=demo\n", encoding="utf-8")

    def gather(self, parts: Parts) -> None:
        """Customers first, so that links and cases appear as mentions come in; then files and site together."""
        folder = self.home / "files"
        import_customers(parts, write_customers(self.world, folder / "会员名单.xlsx"))
        site = threading.Thread(target=self._gather_site, name="site", daemon=True)
        site.start()
        for file in write_files(self.world, folder, self._facts.anchor):
            plan = inspect(file, self.settings)
            remember(self.settings, plan)
            counts = parts.intake.take(plan.source, raws(plan), mapping(plan))
            if counts.queued:
                parts.sources.seen(plan.source, datetime.now(UTC), counts.queued)
        site.join()
        if self._problems:
            raise self._problems[0]

    def _gather_site(self) -> None:
        parts = Parts(self.settings)
        try:
            asyncio.run(schedule.run(self.settings, parts.inbox, parts.store, threading.Event(), once=True))
        except Exception as error:  # noqa: BLE001 - the edge of a thread: raised again where it is joined
            self._problems.append(error)
        finally:
            parts.close()

    def run(self, told: Told, alive: Callable[[], None]) -> None:
        """Gather and wait until all is understood. `alive` is called between looks: it keeps the workers up."""
        parts = Parts(self.settings)
        try:
            before = _ended(parts)
            gathering = threading.Thread(target=self._gather, name="gather", daemon=True)
            gathering.start()
            while gathering.is_alive() or parts.inbox.depth():
                alive()
                told(_ended(parts) - before, len(self.world.posts))
                time.sleep(LOOK_EVERY)
            told(len(self.world.posts), len(self.world.posts))
        finally:
            parts.close()
        if self._problems:
            raise self._problems[0]

    def _gather(self) -> None:
        parts = Parts(self.settings)
        try:
            self.gather(parts)
        except Exception as error:  # noqa: BLE001 - the edge of a thread: raised again where it is joined
            self._problems.append(error)
        finally:
            parts.close()

    def close(self) -> None:
        self.replica.stop()


def _store_address(store: str | None) -> str:
    """`elasticsearch` alone is the cluster at ELASTICSEARCH_URL, else on this machine, with indices of its own."""
    if store == "elasticsearch":
        url = os.environ.get("ELASTICSEARCH_URL", "http://localhost:9200").rstrip("/")
        return f"elasticsearch:{url}/earshot-demo-{secrets.token_hex(3)}"
    return SQLITE if store in (None, "sqlite") else store


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _ended(parts: Parts) -> int:
    return sum(source.get(end, 0) for source in parts.inbox.counts().values() for end in ENDS)


def findings(filling: Filling) -> dict[str, Any]:
    """What the desk shows, in a few numbers."""
    from index.alerts.cases import Cases
    from index.crm.linking import Linker

    parts = Parts(filling.settings)
    try:
        everything = MentionQuery()
        facets = parts.store.facets(everything, ["brand", "sentiment", "platform"])
        counts = parts.inbox.counts()
        hours = parts.store.histogram(MentionQuery(brands=("青芽茶町",), sentiments=("negative",)), step="hour")
        worst = max(hours, key=lambda bucket: bucket.counts.negative, default=None)
        authors = parts.store.top_authors(everything, by="koc", limit=100)
        return {
            "mentions": parts.store.count(everything),
            "platforms": len(facets["platform"]),
            "brands": {bucket.key: bucket.counts.total for bucket in facets["brand"]},
            "negative": parts.store.count(MentionQuery(sentiments=("negative",))),
            "crisis_hour": worst.key if worst else None,
            "crisis_negative": worst.counts.negative if worst else 0,
            "kocs": sum(1 for one in authors if one.influence and one.influence.tier == "KOC"),
            "cases": len(Cases(filling.settings, parts.records).list(limit=1000)),
            "links": len(
                [x for x in Linker(filling.settings, parts.store, parts.records).links() if x.status == "linked"]
            ),
            "unmatched": sum(source.get("unmatched", 0) for source in counts.values()),
            "quarantined": len(parts.inbox.quarantined(limit=1000)),
        }
    finally:
        parts.close()


def use_home(home: Path) -> None:
    """This process and its children work on `home`."""
    os.environ["EARSHOT_HOME"] = str(home)
