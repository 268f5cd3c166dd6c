"""What a disk or another program can do to a file, told in one sentence, with nothing half written."""

from __future__ import annotations

import multiprocessing
import os
import resource
import threading
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import apsw
import pytest

from index.database import Database
from index.errors import StoreError

SCHEMA = "CREATE TABLE IF NOT EXISTS word(text TEXT)"


def test_a_transaction_that_fails_leaves_nothing(tmp_path: Path) -> None:
    database = Database(tmp_path / "words.sqlite", SCHEMA)
    with pytest.raises(apsw.SQLError):
        database.many("INSERT INTO word VALUES (abs(?))", [(1,), (-(2**63),)])  # overflows in the second row
    database.many("INSERT INTO word VALUES (?)", [("whole",)])
    assert database.all("SELECT text FROM word") == [("whole",)]
    database.close()


def _write_on_a_full_disk(path: Path, answers: multiprocessing.SimpleQueue[object]) -> None:
    """A limit on the size of files fails the write in the middle, as a full disk does."""
    database = Database(path, SCHEMA)
    database.many("INSERT INTO word VALUES (?)", [("before",)])
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        database.many("INSERT INTO word VALUES (?)", [("x" * 1000,)] * 1000)
        answers.put("no error")
    except StoreError as error:
        answers.put(str(error))
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    database.many("INSERT INTO word VALUES (?)", [("after",)])
    answers.put(database.all("SELECT text FROM word"))
    database.close()


def test_a_full_disk_is_a_store_error_and_the_file_stays_whole(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    answers: multiprocessing.SimpleQueue[object] = context.SimpleQueue()
    process = context.Process(target=_write_on_a_full_disk, args=(tmp_path / "words.sqlite", answers))
    process.start()
    told, rows = answers.get(), answers.get()
    process.join()
    assert "cannot be used" in str(told)
    assert "free space" in str(told)
    assert rows == [("before",), ("after",)]


def test_a_thread_that_ends_leaves_no_connection_open(tmp_path: Path) -> None:
    """A desk answers each click in a new thread."""
    database = Database(tmp_path / "words.sqlite", SCHEMA)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        thread = threading.Thread(target=database.all, args=("SELECT * FROM word",))
        thread.start()
        thread.join()
    assert len(os.listdir("/proc/self/fd")) < before + 5
    database.close()


def test_a_file_that_is_no_database_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "words.sqlite").write_text("hello, I am a text file" * 100)
    with pytest.raises(StoreError, match=r"words\.sqlite"):
        Database(tmp_path / "words.sqlite", SCHEMA)


def test_another_program_that_holds_the_file_is_a_store_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("index.database.BUSY_MS", 10)
    path = tmp_path / "words.sqlite"
    holder, database = Database(path, SCHEMA), Database(path)
    with holder.write(), pytest.raises(StoreError, match="cannot be used"):
        database.many("INSERT INTO word VALUES (?)", [("late",)])
    database.many("INSERT INTO word VALUES (?)", [("on time",)])
    assert holder.all("SELECT text FROM word") == [("on time",)]
    holder.close()
    database.close()


def test_a_new_file_that_another_process_is_still_making_is_waited_for(tmp_path: Path) -> None:
    maker = apsw.Connection(str(tmp_path / "words.sqlite"))
    maker.execute(SCHEMA)
    maker.execute("BEGIN IMMEDIATE")
    with ThreadPoolExecutor(1) as threads:
        opening = threads.submit(Database, tmp_path / "words.sqlite", SCHEMA)
        assert not wait([opening], timeout=0.3).done  # SQLite itself refuses this at once, whatever its timeout
        maker.execute("COMMIT")
        maker.close()
        opening.result(timeout=30).close()
