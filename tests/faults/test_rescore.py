"""`earshot rescore` killed in the middle, as often as one likes: nothing lost, nothing doubled, no case opened."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from index.alerts.cases import Cases
from index.documents import Analysis, Author, Correction, Mention, Record
from index.query import MentionQuery
from index.settings import load
from index.stores import open_store
from index.stores.protocol import Store

ROOT = Path(__file__).parents[2]
COUNT, KILLS = 1500, 2
CONFIG = '[[brands]]\nname = "茶茶"\n[[rules]]\nname = "r"\nkind = "complaint_aspect"\nmin_probability = 0.5\n'


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A word list as a model folder: quick, and read by the process like any other."""
    folder = tmp_path / "word-list"
    script = f"from pathlib import Path; from word_list_model import build; build(Path({str(folder)!r}))"
    subprocess.run([sys.executable, "-c", script], cwd=ROOT / "benchmarks", check=True)
    return folder


def outdated(number: int, now: datetime) -> Record:
    at = now - timedelta(minutes=number)
    mention = Mention(
        id=f"weibo:{number}", platform="weibo", source="weibo-api", text=f"茶茶的口味太差了，差评 {number}",
        published_at=at, fetched_at=at, version=1, author=Author(id=f"weibo:u{number % 50}"), brands=("茶茶",),
    )  # fmt: skip
    analysis = Analysis(
        model="old", model_version="0", analysed_at=at, lang="zh-Hans", sentiment="neutral",
        probabilities={"negative": 0.0, "neutral": 1.0, "positive": 0.0},
    )  # fmt: skip
    return Record(mention=mention, analysis=analysis)


def scored(store: Store) -> int:
    return sum(record.analysis.model != "old" for record in store.scan(MentionQuery()))


def test_killed_twice_it_still_comes_to_its_end(tmp_path: Path, model: Path) -> None:
    (tmp_path / "earshot.toml").write_text(CONFIG, encoding="utf-8")
    settings = load(tmp_path)
    store = open_store(settings)
    store.save([outdated(number, datetime.now(UTC)) for number in range(COUNT)])
    store.correct(
        Correction(mention_id="weibo:7", field="sentiment", value="positive", by="me", at=datetime.now(UTC))
    )
    environment = {**os.environ, "EARSHOT_HOME": str(tmp_path), "EARSHOT_MODEL": str(model)}
    command = [sys.executable, "-m", "dashboard.cli", "rescore", "--json"]
    before = 0
    for _ in range(KILLS):
        process = subprocess.Popen(command, env=environment, cwd=ROOT, stderr=subprocess.DEVNULL)
        until = time.monotonic() + 60
        while (now := scored(store)) == before:  # it has loaded the model and saved its first batches
            assert time.monotonic() < until
            assert process.poll() is None
        process.kill()
        process.wait()
        before = scored(store)
        assert now <= before < COUNT
    finished = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, check=True)
    report = json.loads(finished.stdout)
    assert (report["examined"], report["current"], report["rescored"]) == (COUNT, before, COUNT - before)
    assert scored(store) == store.count(MentionQuery()) == COUNT
    assert {r.sentiment for r in store.scan(MentionQuery())} == {"negative", "positive"}
    assert store.count(MentionQuery(sentiments=("positive",))) == 1
    assert Cases(settings).list() == []
    store.close()
