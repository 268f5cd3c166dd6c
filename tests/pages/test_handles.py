"""What the pages are kept from asking twice, and what they must never miss."""

from __future__ import annotations

import os
import time
from pathlib import Path

from dashboard import handles
from index import settings as settings_file
from index.database import Database
from index.query import MentionQuery


def test_a_change_that_was_noted_before_it_could_be_seen_is_not_missed(home):
    """A writer notes the time and then commits, and on another machine its clock may be behind."""
    settings = settings_file.load(home)
    desk = handles.Desk(settings)
    before = desk.state()
    noted = int((time.time() - 2) * 1_000_000)
    Database(settings.path(settings.store)).many("INSERT OR REPLACE INTO meta VALUES ('changed', ?)", [(noted,)])
    desk._looked -= handles.LOOK_EVERY + 1
    assert desk.state().version == before.version + 1


def test_changed_settings_leave_no_handles_of_the_old_ones_open(home):
    opened = []
    for at in (1_000, 2_000, 3_000, 4_000):
        os.utime(home / "earshot.toml", (at, at))
        desk = handles.desk()
        desk.ask(desk.store.count, MentionQuery())
        files = [Path(os.readlink(link)) for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
        opened.append(sum(file.is_relative_to(home) for file in files))
    assert opened[1] == opened[2] == opened[3], "SQLite keeps closed ones for the next opening"
