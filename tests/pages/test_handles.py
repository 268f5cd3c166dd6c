"""What the pages are kept from asking twice, and what they must never miss."""

from __future__ import annotations

import time

from dashboard import handles
from index import settings as settings_file
from index.database import Database


def test_a_change_that_was_noted_before_it_could_be_seen_is_not_missed(home):
    """A writer notes the time and then commits, and on another machine its clock may be behind."""
    settings = settings_file.load(home)
    desk = handles.Desk(settings)
    before = desk.state()
    noted = int((time.time() - 2) * 1_000_000)
    Database(settings.path(settings.store)).many("INSERT OR REPLACE INTO meta VALUES ('changed', ?)", [(noted,)])
    desk._looked -= handles.LOOK_EVERY + 1
    assert desk.state().version == before.version + 1
