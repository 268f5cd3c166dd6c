"""What only the SQLite store must hold: bytes that are gone, counts by day, words of another tokeniser."""

from __future__ import annotations

from pathlib import Path

import apsw
import naive_store as naive
import pytest

from index.errors import StoreError
from index.query import MentionQuery
from index.stores import sqlite as sqlite_store
from index.stores.sqlite import SQLiteStore

record = naive.record


def file_bytes(folder: Path) -> bytes:
    """The database with its write-ahead log."""
    return b"".join(path.read_bytes() for path in folder.iterdir())


def test_an_erased_author_leaves_no_byte_behind(tmp_path: Path) -> None:
    """Their words in the full-text index included: other people's mentions keep it busy around them."""
    store = SQLiteStore(tmp_path / "mentions.sqlite")
    for start in range(0, 3000, 500):
        numbers = range(start, start + 500)
        store.save([record(n, f"普通的话 word{n}", author=f"u{n % 50}", hours=n / 10) for n in numbers])
    who = {"author": "secretperson", "name": "秘名"}
    secret = [record(10_000 + n, f"zebra{n} 鰲鱻", hours=n * 7, **who) for n in range(40)]
    store.save(secret)
    store.save([record(10_001, "first said okapi", version=10**14, **who)])
    store.save([record(10_001, "then edited to quagga", version=10**14 + 1, **who)])
    traces = [b"zebra", b"okapi", b"quagga", b"secretperson", "秘名".encode(), "鱻".encode()]
    assert all(trace in file_bytes(tmp_path) for trace in traces)
    assert store.erase_author("weibo:secretperson") == 40
    left = file_bytes(tmp_path)
    assert [trace for trace in traces if trace in left] == []
    assert store.save(secret[:1]) == ["erased"]
    assert not any(trace in file_bytes(tmp_path) for trace in traces)
    assert store.count(MentionQuery(text="普通的话")) == 3000
    store.close()


def test_a_file_made_before_there_were_clusters_is_read_and_gets_them(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "mentions.sqlite")
    store.save([record(1, "老数据")])
    store.close()
    connection = apsw.Connection(str(tmp_path / "mentions.sqlite"))
    connection.execute("DROP INDEX mention_cluster; ALTER TABLE mention DROP COLUMN cluster")
    connection.close()
    store = SQLiteStore(tmp_path / "mentions.sqlite")
    store.save([record(2, "新数据", cluster="00000000000abcd")])
    assert store.count(MentionQuery(clusters=("00000000000abcd",))) == 1
    assert store.count(MentionQuery(not_clusters=("00000000000abcd",))) == 1
    store.close()


def tallies(folder: Path) -> list[list[object]]:
    connection = apsw.Connection(str(folder / "mentions.sqlite"))
    found = [
        connection.execute(f"SELECT * FROM {table} WHERE n <> 0 ORDER BY 1, 2, 3, 4, 5").fetchall()
        for table in ("tally", "tally_term")
    ]
    connection.close()
    return found


def test_counts_by_day_are_the_same_when_counted_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = SQLiteStore(tmp_path / "mentions.sqlite")
    brands = [("喜茶",), ("喜茶", "奈雪"), ()]
    store.save([record(n, hours=n * 5, brands=brands[n % 3], aspects={"taste": "negative"}) for n in range(60)])
    store.save([record(n, "改", hours=n * 9, version=10**14, sentiment="positive") for n in range(20)])
    store.delete([f"weibo:{n}" for n in range(15, 25)])
    store.close()
    kept = tallies(tmp_path)
    monkeypatch.setattr(sqlite_store, "TALLIES_VERSION", "other")
    SQLiteStore(tmp_path / "mentions.sqlite").close()
    assert tallies(tmp_path) == kept


def test_days_follow_the_zone_of_the_settings(tmp_path: Path) -> None:
    midday = [record(1, hours=0), record(2, hours=8)]  # 12:00 and 04:00 in Shanghai; 23:00 and 15:00 in New York
    store = SQLiteStore(tmp_path / "mentions.sqlite")
    store.save(midday)
    store.close()
    for zone, days in (("America/New_York", ["2026-11-19"]), ("Asia/Shanghai", ["2026-11-20"])):
        store = SQLiteStore(tmp_path / "mentions.sqlite", zone=zone)
        assert [b.key for b in store.histogram(MentionQuery(), zone=zone)] == days
        store.close()


def test_words_are_cut_again_after_the_tokeniser_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_store, "TOKENISER_VERSION", "old")
    store = SQLiteStore(tmp_path / "mentions.sqlite")
    store.save([record(1), record(2, "咖啡", hours=1)])
    store.close()
    connection = apsw.Connection(str(tmp_path / "mentions.sqlite"))
    connection.execute("INSERT INTO fts(fts) VALUES ('delete-all')")
    connection.close()
    monkeypatch.setattr(sqlite_store, "TOKENISER_VERSION", "new")
    store = SQLiteStore(tmp_path / "mentions.sqlite")
    assert store.count(MentionQuery(text="奶茶")) == store.count(MentionQuery(text="咖啡")) == 1
    store.close()


def test_a_full_disk_is_reported_and_the_store_goes_on(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "mentions.sqlite")
    store.save([record(1)])
    connection = store._database.connection
    ((pages,),) = connection.execute("PRAGMA page_count").fetchall()
    connection.execute(f"PRAGMA max_page_count = {pages}").fetchall()
    with pytest.raises(StoreError, match="full"):
        store.save([record(n, "很长的话" * 500) for n in range(2, 50)])
    connection.execute("PRAGMA max_page_count = 1000000").fetchall()
    assert store.count(MentionQuery()) == 1
    assert set(store.save([record(n, brands=("新的",)) for n in range(2, 50)])) == {"inserted"}
    assert store.count(MentionQuery(brands=("新的",))) == 48
    store.close()
