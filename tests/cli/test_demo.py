"""The demo in small: the real files, the real site, the real model."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import elastic
import pytest

from dashboard import filters, handles, queries
from dashboard.demo.texts import sections
from dashboard.demo.world import CRISIS_DAYS_AGO, ZONE, build_world
from index import settings as settings_file
from index.query import MentionQuery
from nlp.engine import load_model
from nlp.reading import read

ANCHOR = datetime(2026, 8, 20, 4, 0, tzinfo=UTC)


def run(home: Path, *words: str) -> Any:
    command = [sys.executable, "-m", "dashboard.cli", *words]
    environment = {**os.environ, "EARSHOT_HOME": str(home)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


WORDS = ("--once", "--mentions", "150", "--json")


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """The home of a demo and what it says of itself."""
    home = tmp_path_factory.mktemp("demo") / "home"
    return home, run(home, "demo", "--home", str(home), *WORDS)


def test_the_demo_fills_a_desk_and_a_second_run_adds_nothing(filled: tuple[Path, Any]) -> None:
    home, first = filled
    assert first["mentions"] > 130
    assert first["platforms"] >= 8
    assert len(first["brands"]) == 3
    assert first["links"] > 0
    assert first["unmatched"] > 0
    assert first["quarantined"] == 2
    before = run(home, "status", "--json")
    assert all(source["state"] == "ok" for source in before["sources"])
    second = run(home, "demo", "--home", str(home), *WORDS)
    after = run(home, "status", "--json")
    assert second["mentions"] == first["mentions"]
    assert after["totals"]["saved"] == before["totals"]["saved"]
    assert (second["links"], second["cases"]) == (first["links"], first["cases"])


def test_the_rule_for_foreign_bodies_hears_the_crisis() -> None:
    """A rule names aspects; when its words move to a finer one, it goes deaf and nothing fails."""
    demo = Path(queries.__file__).parent / "demo"
    rules = tomllib.loads((demo / "earshot.toml").read_text(encoding="utf-8"))["rules"]
    (rule,) = [rule for rule in rules if rule["name"] == "异物与品质"]
    lines = (demo / "texts" / "tea.txt").read_text(encoding="utf-8").splitlines()
    texts = [line.replace("{b}", "青芽茶町").replace("{p}", "茉莉奶绿") for line in lines if "异物" in line]
    said = [{aspect.name for aspect in one.aspects} for one in read(load_model(), texts)]
    assert len(texts) > 5
    assert sum(not names.isdisjoint(rule["aspects"]) for names in said) >= 0.8 * len(texts)


def test_the_demo_shows_the_same_numbers_with_a_cluster(
    filled: tuple[Path, Any], tmp_path: Path, elasticsearch_address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same world, as demo.json describes it, into another kind of store. Cases are left out: which mentions
    of an account become one case hangs on which of the two workers is first."""
    home, first = filled
    facts = json.loads((home / "demo.json").read_text(encoding="utf-8"))
    address = elastic.empty(f"{elasticsearch_address}-demo")
    (tmp_path / "demo.json").write_text(json.dumps({**facts, "store": address}), encoding="utf-8")
    found = run(tmp_path, "demo", "--store", "elasticsearch", "--home", str(tmp_path), *WORDS)
    assert {**found, "cases": None} == {**first, "cases": None}
    now = datetime.now(UTC)
    assert numbers(monkeypatch, tmp_path, now) == numbers(monkeypatch, home, now)


def numbers(monkeypatch: pytest.MonkeyPatch, home: Path, now: datetime) -> dict[str, Any]:
    """What the pages count, for each period and for one brand."""
    desk = handles.Desk(settings_file.load(home))
    monkeypatch.setattr(queries, "desk", lambda: desk)
    told: dict[str, Any] = {}
    for brand in ("*", desk.settings.brands[0].name):
        for period in ("24h", "7d", "30d", "all"):
            window = filters.window(period, now, ZONE)
            question = MentionQuery(since=window.since, brands=filters.brands(brand), hide_spam=True)
            most = queries.top_authors(question, "mentions", 20)
            told[f"{brand} {period}"] = (
                queries.count(question),
                queries.histogram(question, window.step, str(ZONE)),
                queries.facets(question, "platform", "brand", "sentiment", "aspect", "intent"),
                [(one.author, one.mentions, one.engagement, one.counts) for one in most],
            )
    for part in (desk.store, desk.inbox, desk.records, desk.sources):
        part.close()
    return told


def test_the_demo_leaves_a_home_of_somebody_else_alone(tmp_path: Path) -> None:
    (tmp_path / "earshot.toml").write_text("# mine\n", encoding="utf-8")
    command = [sys.executable, "-m", "dashboard.cli", "demo", "--home", str(tmp_path), "--once"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert "--home" in done.stderr
    assert (tmp_path / "earshot.toml").read_text(encoding="utf-8") == "# mine\n"


def test_the_world_is_the_same_for_the_same_anchor() -> None:
    assert build_world(ANCHOR, 300) == build_world(ANCHOR, 300)


def test_the_world_is_large_varied_and_in_the_past() -> None:
    world = build_world(ANCHOR)
    assert len(world.posts) > 3_000
    assert len({post.platform for post in world.posts}) >= 8
    assert len({post.text for post in world.posts}) > 0.8 * len(world.posts)
    assert len({post.id for post in world.posts}) == len(world.posts)
    assert all(ANCHOR - timedelta(days=75) < post.at < ANCHOR for post in world.posts)
    lengths = [len(post.text) for post in world.posts]
    assert min(lengths) <= 8
    assert max(lengths) >= 250
    assert len(world.customers) == 200
    assert sum(len(lines) for name in ("tea", "appliance", "news") for lines in sections(name).values()) > 400


def test_the_crisis_is_one_evening_on_mostly_one_platform() -> None:
    world = build_world(ANCHOR)
    crisis = {line[:8] for line in sections("tea")["crisis_full"]}
    told = [p for p in world.posts if any(start in p.text for start in crisis if "{" not in start)]
    days = Counter(post.at.astimezone(ZONE).date() for post in told)
    day = (ANCHOR.astimezone(ZONE) - timedelta(days=CRISIS_DAYS_AGO)).date()
    assert days.most_common(1)[0][0] == day
    assert days[day] > 0.8 * len(told)
    platforms = Counter(post.platform for post in told)
    assert platforms.most_common(1)[0][1] > 0.5 * len(told)
