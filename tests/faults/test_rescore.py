"""`earshot rescore` killed before and after it saves a batch: nothing lost, nothing doubled, no case opened."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
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
COUNT = 1500
KILLED = """
import os, signal, sys
from dashboard.cli import run_command
from index.stores.sqlite import SQLiteStore
save, moments = SQLiteStore.save, iter(sys.argv[1:])
def dying(store, records):
    moment = next(moments)
    if moment == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    done = save(store, records)
    if moment == "after":
        os.kill(os.getpid(), signal.SIGKILL)
    return done
SQLiteStore.save = dying
sys.exit(run_command(["rescore"]))
"""
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
    done = 0
    for moments in (("-", "-", "after"), ("-", "before")):  # of each save of a batch
        dying = [sys.executable, "-c", KILLED, *moments]
        killed = subprocess.run(dying, env=environment, cwd=ROOT, stderr=subprocess.PIPE, timeout=600)
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        done, before = scored(store), done
        assert before < done < COUNT
    finished = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, check=True, timeout=600)
    report = json.loads(finished.stdout)
    assert (report["examined"], report["current"], report["rescored"]) == (COUNT, done, COUNT - done)
    assert scored(store) == store.count(MentionQuery()) == COUNT
    assert {r.sentiment for r in store.scan(MentionQuery())} == {"negative", "positive"}
    assert store.count(MentionQuery(sentiments=("positive",))) == 1
    assert Cases(settings).list() == []
    store.close()
