"""What every inbox promises of what is put, lent and answered. To add an inbox: one entry in inboxes.INBOXES."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from inboxes import MAX_TRIES, ids, item, lease, of
from waiting import until

from index.errors import InboxError, SettingsError
from index.inbox import open_inbox
from index.inbox.protocol import Inbox
from index.settings import Settings


def test_what_was_put_comes_out_whole_and_oldest_first(inbox: Inbox) -> None:
    items = [item(n) for n in (3, 1, 2)]
    assert inbox.put(items) == 3
    leased = lease(inbox)
    assert [one.item for one in leased] == items
    assert all(one.tries == 1 and one.received_at <= one.expires_at for one in leased)


def test_an_empty_inbox_lends_nothing(inbox: Inbox) -> None:
    assert lease(inbox) == []
    assert inbox.put([]) == 0
    assert inbox.depth() == 0
    assert inbox.counts() == {}


def test_a_lease_takes_no_more_than_asked(inbox: Inbox) -> None:
    inbox.put([item(n) for n in range(5)])
    assert len(lease(inbox, limit=2)) == 2
    assert of(inbox) == {"leased": 2, "waiting": 3}


def test_what_is_lent_is_not_lent_to_another(inbox: Inbox, inbox_settings: Settings) -> None:
    inbox.put([item(n) for n in range(4)])
    other = open_inbox(inbox_settings)
    first, second = lease(inbox, limit=2), lease(other, limit=10)
    other.close()
    assert not set(ids(first)) & set(ids(second))
    assert lease(inbox) == []


def test_saved_items_are_forgotten_and_counted(inbox: Inbox) -> None:
    inbox.put([item(1), item(2), item(3)])
    one, two, three = lease(inbox)
    inbox.ack([one])
    inbox.ack([two], "duplicate")
    inbox.ack([three], "erased")
    assert of(inbox) == {"saved": 1, "duplicate": 1, "erased": 1}
    assert inbox.depth() == 0


def test_acknowledging_twice_counts_once(inbox: Inbox) -> None:
    inbox.put([item(1)])
    leased = lease(inbox)
    inbox.ack(leased)
    inbox.ack(leased)
    inbox.retry(leased, "late", delay=0)
    inbox.put_back(leased)
    inbox.quarantine(leased[0], "late")
    assert of(inbox) == {"saved": 1}
    assert inbox.quarantined() == []


def test_the_queue_survives_a_restart(inbox: Inbox, inbox_settings: Settings) -> None:
    inbox.put([item(1), item(2)])
    (leased,) = lease(inbox, limit=1)
    inbox.close()
    again = open_inbox(inbox_settings)
    assert ids(lease(again)) == ["weibo:2"]
    again.ack([leased])
    assert of(again) == {"saved": 1, "leased": 1}
    again.close()


def test_the_same_version_waiting_is_ignored_and_counted(inbox: Inbox) -> None:
    assert inbox.put([item(1, text="first")]) == 1
    assert inbox.put([item(1, text="same version")]) == 0
    assert inbox.put([item(1, text="older", version=0)]) == 0
    assert [one.item.mention.text for one in lease(inbox)] == ["first"]
    assert of(inbox) == {"leased": 1, "duplicate": 2}


def test_a_newer_version_replaces_the_one_waiting_and_keeps_its_place(inbox: Inbox) -> None:
    inbox.put([item(1), item(2)])
    assert inbox.put([item(1, text="edited", version=2)]) == 1
    assert [one.item.mention.text for one in lease(inbox)] == ["edited", "奶茶太甜了"]
    assert of(inbox) == {"leased": 2, "duplicate": 1}


def test_an_edit_that_arrives_while_the_older_version_is_lent_is_not_lost(inbox: Inbox) -> None:
    inbox.put([item(1, text="first")])
    older = lease(inbox)
    assert inbox.put([item(1, text="edited", version=2)]) == 1
    newer = lease(inbox)
    inbox.ack(older)
    inbox.ack(newer)
    assert [one.item.mention.text for one in newer] == ["edited"]
    assert of(inbox) == {"saved": 2}


def test_a_repeat_of_what_is_lent_is_ignored(inbox: Inbox) -> None:
    inbox.put([item(1)])
    lease(inbox)
    assert inbox.put([item(1)]) == 0
    assert of(inbox) == {"leased": 1, "duplicate": 1}


def test_what_was_saved_can_come_again(inbox: Inbox) -> None:
    inbox.put([item(1)])
    inbox.ack(lease(inbox))
    assert inbox.put([item(1)]) == 1


def test_a_lease_that_ran_out_is_lent_again_and_counted_as_put_back(inbox: Inbox) -> None:
    inbox.put([item(1)])
    (late,) = lease(inbox, seconds=0.01)
    (again,) = until(lambda: lease(inbox))
    assert again.tries == 2
    assert of(inbox) == {"leased": 1, "put_back": 1}
    inbox.ack([late])
    inbox.put_back([late])
    assert of(inbox) == {"leased": 1, "put_back": 1}
    inbox.ack([again])
    assert of(inbox) == {"saved": 1, "put_back": 1}


def test_an_answer_after_the_lease_but_before_the_next_one_counts(inbox: Inbox) -> None:
    inbox.put([item(1)])
    inbox.ack(lease(inbox, seconds=0.0))
    assert of(inbox) == {"saved": 1}
    assert lease(inbox) == []


def test_put_back_costs_no_try_and_keeps_the_place(inbox: Inbox) -> None:
    inbox.put([item(1), item(2)])
    for _ in range(MAX_TRIES + 2):
        inbox.put_back(lease(inbox, limit=1))
    assert [(one.item.mention.id, one.tries) for one in lease(inbox)] == [("weibo:1", 1), ("weibo:2", 1)]
    assert of(inbox) == {"leased": 2, "put_back": MAX_TRIES + 2}


def test_an_answer_after_putting_back_does_nothing(inbox: Inbox) -> None:
    inbox.put([item(1)])
    leased = lease(inbox)
    inbox.put_back(leased)
    inbox.retry(leased, "late", delay=3600)
    inbox.quarantine(leased[0], "late")
    inbox.ack(leased)
    assert of(inbox) == {"waiting": 1, "put_back": 1}
    assert ids(lease(inbox)) == ["weibo:1"]


def test_a_retry_waits_for_its_time(inbox: Inbox) -> None:
    inbox.put([item(1), item(2)])
    first, _ = lease(inbox)
    inbox.retry([first], "the store was busy", delay=3600)
    assert lease(inbox) == []
    assert of(inbox) == {"waiting": 1, "leased": 1, "retried": 1}


def test_a_retry_comes_back_with_one_try_more(inbox: Inbox) -> None:
    inbox.put([item(1)])
    inbox.retry(lease(inbox), "busy", delay=0.01)
    (again,) = until(lambda: lease(inbox))
    assert again.tries == 2


def test_after_the_last_try_an_item_is_given_up_and_kept_with_the_last_error(inbox: Inbox) -> None:
    inbox.put([item(1)])
    for number in range(MAX_TRIES):
        inbox.retry(until(lambda: lease(inbox)), f"error {number}", delay=0)
    assert lease(inbox) == []
    (kept,) = inbox.quarantined()
    assert kept.given_up
    assert kept.reason == f"error {MAX_TRIES - 1}"
    assert kept.mention == item(1).mention
    assert kept.raw == item(1).raw
    assert of(inbox) == {"retried": MAX_TRIES - 1, "given_up": 1}


def test_an_item_that_kills_its_worker_is_given_up_alone(inbox: Inbox) -> None:
    """The worker dies whenever item 1 is in its hands; items 2 and 3 must come through."""
    inbox.put([item(1), item(2), item(3)])

    def work() -> bool:
        leased = lease(inbox, seconds=0.0)
        if "weibo:1" not in ids(leased):
            inbox.ack(leased)
        return inbox.depth() == 0

    until(work)
    assert of(inbox)["saved"] == 2
    (kept,) = inbox.quarantined()
    assert (kept.given_up, kept.mention) == (True, item(1).mention)


def test_a_batch_has_counts_and_depth_of_its_own(inbox: Inbox) -> None:
    inbox.put([item(1, batch="b1"), item(2, batch="b1"), item(3)])
    inbox.count("weibo-api", "unmatched", 4, batch="b1")
    inbox.count("weibo-api", "duplicate")
    inbox.ack(lease(inbox, limit=1))
    assert inbox.depth(batch="b1") == 1
    assert inbox.depth() == 2
    assert of(inbox, batch="b1") == {"saved": 1, "waiting": 1, "unmatched": 4}
    assert of(inbox) == {"saved": 1, "waiting": 2, "unmatched": 4, "duplicate": 1}
    assert inbox.counts(batch="unknown") == {}


def test_a_version_that_loses_is_counted_in_its_own_batch(inbox: Inbox) -> None:
    inbox.put([item(1, batch="old", source="a")])
    inbox.put([item(1, batch="new", source="b", version=2)])
    inbox.put([item(1, batch="late", source="c")])
    inbox.ack(lease(inbox))
    assert of(inbox, "a", "old") == {"duplicate": 1}
    assert of(inbox, "b", "new") == {"saved": 1}
    assert of(inbox, "c", "late") == {"duplicate": 1}


def test_health_names_the_oldest_item_waiting(inbox: Inbox) -> None:
    assert inbox.health()["oldest_waiting"] is None
    inbox.put([item(1)])
    assert abs((inbox.health()["oldest_waiting"] - datetime.now(UTC)).total_seconds()) < 60


WORKER = """
import json, sys
from pathlib import Path
from index.inbox import open_inbox
from index.settings import Settings
inbox = open_inbox(Settings(home=Path(sys.argv[1]), inbox=sys.argv[2]))
seen = []
while leased := inbox.lease(7, worker=sys.argv[3]):
    seen += [one.item.mention.id for one in leased]
    inbox.ack(leased)
print(json.dumps(seen))
"""


def test_two_processes_share_the_work_and_no_item_is_done_twice(inbox: Inbox, inbox_settings: Settings) -> None:
    inbox.put([item(n) for n in range(600)])
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, str(inbox_settings.home), inbox_settings.inbox, name],
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in ("one", "two")
    ]
    seen = [json.loads(process.communicate(timeout=300)[0]) for process in processes]
    assert sorted(seen[0] + seen[1]) == sorted(f"weibo:{n}" for n in range(600))
    assert of(inbox) == {"saved": 600}


def test_an_unknown_kind_of_inbox_is_explained(tmp_path: Path) -> None:
    for address in ("carrier-pigeon:loft", "protocol:x", "quarantine:x", ""):
        with pytest.raises(SettingsError, match="there is no inbox of that kind"):
            open_inbox(Settings(home=tmp_path, inbox=address))


def test_a_broken_file_is_reported_as_unusable(tmp_path: Path) -> None:
    (tmp_path / "inbox.sqlite").write_bytes(b"this is no database, it only looks like one" * 100)
    with pytest.raises(InboxError):
        open_inbox(Settings(home=tmp_path))
