"""What every inbox promises of what cannot be used, and of what must not be kept: quarantine, replay, erasure."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from inboxes import ids, item, lease, of

from index.inbox import open_inbox
from index.inbox.protocol import Inbox, Item
from index.settings import Settings


def test_quarantine_keeps_the_item_raw_with_the_reason(inbox: Inbox) -> None:
    inbox.put([item(1), item(2)])
    bad, good = lease(inbox)
    inbox.quarantine(bad, "the text cannot be stored")
    inbox.ack([good])
    (kept,) = inbox.quarantined(source="weibo-api")
    assert (kept.reason, kept.raw, kept.mention, kept.given_up) == (
        "the text cannot be stored", bad.item.raw, bad.item.mention, False,
    )  # fmt: skip
    assert of(inbox) == {"saved": 1, "quarantined": 1}
    assert inbox.quarantined(source="another") == []


def test_an_item_without_raw_is_kept_as_its_mention(inbox: Inbox) -> None:
    inbox.put([Item(mention=item(1).mention)])
    inbox.quarantine(lease(inbox)[0], "bad")
    (kept,) = inbox.quarantined()
    assert json.loads(kept.raw)["text"] == "奶茶太甜了"


def test_what_never_became_a_mention_is_kept_with_its_place(inbox: Inbox) -> None:
    inbox.quarantine_raw("export", "不是日期".encode(), "no date", place="row 17", batch="b1")
    (kept,) = inbox.quarantined()
    assert (kept.source, kept.place, kept.reason, kept.batch) == ("export", "row 17", "no date", "b1")
    assert kept.raw.decode() == "不是日期"
    assert kept.mention is None


def test_the_same_raw_of_a_source_is_kept_once(inbox: Inbox) -> None:
    for reason in ("no id", "no id, still"):
        inbox.quarantine_raw("site", b"<html>", reason)
    inbox.quarantine_raw("other site", b"<html>", "no id")
    assert [(kept.source, kept.reason) for kept in inbox.quarantined()] == [
        ("other site", "no id"), ("site", "no id, still"),
    ]  # fmt: skip
    assert of(inbox, "site") == {"quarantined": 1}


def test_each_import_counts_its_own_bad_rows(inbox: Inbox) -> None:
    inbox.quarantine_raw("export", b"row", "bad", batch="first")
    inbox.quarantine_raw("export", b"row", "bad", batch="second")
    assert len(inbox.quarantined()) == 1
    assert of(inbox, "export", "first") == of(inbox, "export", "second") == {"quarantined": 1}


def test_quarantine_is_read_in_pages_newest_first(inbox: Inbox) -> None:
    for number in range(5):
        inbox.quarantine_raw("site", b"%d" % number, "bad")
    first = inbox.quarantined(limit=3)
    rest = inbox.quarantined(limit=3, before=first[-1].id)
    assert [kept.raw for kept in first + rest] == [b"4", b"3", b"2", b"1", b"0"]


def test_replay_takes_entries_out_and_what_is_mended_goes_on(inbox: Inbox) -> None:
    inbox.put([item(1)])
    inbox.quarantine(lease(inbox)[0], "bad")
    (kept,) = inbox.quarantined()
    assert inbox.take_quarantined([kept.id, 999]) == [kept]
    assert inbox.quarantined() == []
    assert inbox.take_quarantined([kept.id]) == []
    assert kept.mention
    inbox.put([Item(mention=kept.mention, raw=kept.raw)])
    inbox.ack(lease(inbox))
    assert of(inbox) == {"quarantined": 1, "saved": 1}


def test_an_item_that_fails_again_while_it_is_being_replayed_is_not_lost(inbox: Inbox) -> None:
    inbox.put([item(1)])
    inbox.quarantine(lease(inbox)[0], "bad")
    (kept,) = inbox.quarantined()
    assert kept.mention
    inbox.put([Item(mention=kept.mention, raw=kept.raw)])  # the replay queues first ...
    inbox.quarantine(lease(inbox)[0], "still bad")  # ... a worker is faster than the replay ...
    inbox.take_quarantined([kept.id])  # ... which now takes out what it had read
    assert [entry.reason for entry in inbox.quarantined()] == ["still bad"]


def test_erasing_an_author_reaches_queue_and_quarantine(inbox: Inbox) -> None:
    inbox.put([item(1, author="u7"), item(2, author="u7"), item(3, author="u8")])
    inbox.quarantine(lease(inbox, limit=1)[0], "bad")
    inbox.quarantine_raw("weibo-api", b'{"user": {"id": "u7"}, "text": 5}', "no text")
    inbox.quarantine_raw("weibo-api", b'{"user": {"id": "u77"}, "text": 5}', "no text")
    assert inbox.erase_author("weibo:u7") == 3
    assert ids(lease(inbox)) == ["weibo:3"]
    assert [kept.raw for kept in inbox.quarantined()] == [b'{"user": {"id": "u77"}, "text": 5}']
    assert inbox.erase_author("weibo:u7") == 0
    assert of(inbox)["erased"] == 1


@pytest.mark.parametrize(
    "raw",
    [
        json.dumps({"user": {"screen_name": "大号"}}).encode(),  # as many platforms write it: \\u5927\\u53f7
        '{"author": "weibo:大号", "cut off'.encode(),
        "12;大号;太甜了".encode(),
    ],
    ids=["escaped", "cut off", "a row"],
)
def test_what_an_author_said_leaves_the_quarantine_however_it_is_written(inbox: Inbox, raw: bytes) -> None:
    inbox.quarantine_raw("weibo-api", raw, "no date")
    inbox.quarantine_raw(
        "weibo-api", raw.replace(b"\\u5927", b"\\u5c0f").replace("大".encode(), "小".encode()), "no date"
    )
    assert inbox.erase_author("weibo:大号") == 1
    assert len(inbox.quarantined()) == 1


def test_an_account_named_without_its_platform_takes_nothing_else_along(inbox: Inbox) -> None:
    inbox.quarantine_raw("weibo-api", b'{"user": {"id": "u8", "city": ""}}', "no date")
    for author in ("u7", "weibo:"):
        assert inbox.erase_author(author) == 0


def test_an_author_whose_name_has_a_space_leaves_the_quarantine(inbox: Inbox) -> None:
    for raw in (b"<author>Ann Lee</author>", b"<author>Joann Lee</author>"):
        inbox.quarantine_raw("news", raw, "no date")
    assert inbox.erase_author("rss_news:Ann Lee") == 1


def test_an_item_erased_while_lent_stays_erased(inbox: Inbox) -> None:
    inbox.put([item(1, author="u7")])
    leased = lease(inbox)
    inbox.erase_author("weibo:u7")
    inbox.put_back(leased)
    inbox.ack(leased)
    assert of(inbox) == {"erased": 1}


def test_what_is_done_leaves_nothing_in_the_files(tmp_path: Path) -> None:
    """SQLite alone: text of a person must not be readable in free pages or in the write-ahead log."""
    inbox = open_inbox(Settings(home=tmp_path))
    inbox.put([item(n, text=f"秘密的句子 {n} secret sentence " * 30) for n in range(50)])
    inbox.ack(lease(inbox))
    assert lease(inbox) == []  # an idle worker asks, which empties the log
    left = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    inbox.close()
    assert b"secret sentence" not in left
    assert b"weibo:49" not in left
