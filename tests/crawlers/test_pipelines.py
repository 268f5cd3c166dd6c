"""Cleaning, repeats, and the whole way from raw items to the inbox."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawlers.intake import Counts, Intake
from crawlers.markup import text_of
from crawlers.pipelines.clean import MAX_TEXT, clean, clean_text, web_address
from crawlers.pipelines.repeats import DropRepeats
from crawlers.recent import Recent
from index.documents import Author, Mention, encode
from index.errors import MapError
from index.inbox.protocol import Item
from index.inbox.sqlite import SqliteInbox
from index.settings import Brand, Settings

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


def mention(number: int = 1, text: str = "星野咖啡不错", **more: Any) -> Mention:
    facts: dict[str, Any] = {"published_at": NOW - timedelta(hours=1), **more}
    return Mention(id=f"weibo:{number}", platform="weibo", source="s", text=text, **facts)


@pytest.mark.parametrize(
    ("dirty", "tidy"),
    [
        ("a  b\t c ", "a b c"),
        ("一\r\n二\n\n\n\n三", "一\n二\n\n三"),
        ("x\x00\x1b[31my\u202ez", "x[31myz"),
        ("好\u3000吃\xa0吗", "好 吃 吗"),
        ("half \ud83d pair", "half pair"),
        ("👨\u200d👩\u200d👧 ❤\ufe0f", "👨\u200d👩\u200d👧 ❤\ufe0f"),
        ("好喝<br/>真的<em class='keyword'>星野</em>", "好喝\n真的星野"),
        ("a < b and c > d", "a < b and c > d"),
        ("<3 it", "<3 it"),
    ],
)
def test_text_is_tidied_and_says_the_same(dirty: str, tidy: str) -> None:
    assert clean_text(dirty) == tidy


@given(st.text())
def test_tidying_twice_changes_nothing_more(text: str) -> None:
    once = clean_text(text)
    if "<" not in once:  # markup that was escaped becomes markup: reading it again would lose what was said
        assert clean_text(once) == once
    once.encode()


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "data:text/html,x", "/relative", "http://", "http://[::1", "https://x\ny", "ftp://a/b"],
)
def test_an_address_that_is_no_web_address_is_dropped(url: str) -> None:
    assert web_address(url) is None
    assert clean(mention(url=url)).url is None


def test_limits_hold() -> None:
    author = Author(id="weibo:1", name="n" * 9_000 + "\u202e", url="javascript:x")
    kept = clean(
        mention(text="长" * (MAX_TEXT + 9), author=author, media=tuple(f"https://x.cn/{n}" for n in range(99)))
    )
    assert (len(kept.text), kept.flags) == (MAX_TEXT, ("cut",))
    assert kept.author is not None
    assert (len(kept.author.name or ""), kept.author.url) == (500, None)
    assert len(kept.media) == 50


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("plain &amp; simple", "plain & simple"),
        ("<p>one<br>two</p><p>three</p>", "one\ntwo\n\nthree"),
        ("<blockquote>theirs</blockquote>mine", "mine"),
        ("<script>x</script><style>y</style>seen", "seen"),
        ("<img alt='[允悲]' src=x>好", "[允悲]好"),
        ("a <b>bold", "a bold"),
        ("<!-- hidden -->seen", "seen"),
        ("<div>" * 5_000 + "deep", "deep"),
        ("", ""),
        ("<", "<"),
    ],
)
def test_markup_becomes_what_the_author_wrote(markup: str, text: str) -> None:
    assert text_of(markup) == text


@given(st.text(st.sampled_from("<>/!-&;#\"'= abpbr\x00\ud800星\n"), max_size=200))
def test_any_markup_becomes_some_text(markup: str) -> None:
    assert isinstance(text_of(markup), str)


def test_exact_repeats_and_older_states_are_left_out() -> None:
    same, newer, older = mention(1, version=5), mention(2, version=9, text="改"), mention(3, version=2, text="旧")
    stored = {
        same.id: (4, same.digest()),
        newer.id: (8, mention(2).digest()),
        older.id: (3, mention(3).digest()),
    }
    drop = DropRepeats(lambda ids: {key: stored[key] for key in ids if key in stored})
    items = [Item(mention=m) for m in (same, newer, older, mention(4))]
    assert [item.mention.id for item in drop(items)] == ["weibo:2", "weibo:4"]


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(0, 3)), max_size=12))
def test_of_one_batch_the_highest_version_stays(states: list[tuple[int, int]]) -> None:
    items = [Item(mention=mention(number, text=f"v{version}", version=version)) for number, version in states]
    kept = {item.mention.id: item.mention.version for item in DropRepeats(lambda _: {})(items)}
    assert kept == {f"weibo:{n}": max(v for m, v in states if m == n) for n in {n for n, _ in states}}


def test_what_a_source_shows_again_is_news_once() -> None:
    recent = Recent()
    assert len(recent.news([{"id": 1}, {"id": 1}, {"id": 2, "_read_at": "x"}])) == 2
    again = Recent(recent.state())
    assert again.news([{"id": 2, "_read_at": "y"}, {"id": 1}, {"id": 1, "likes": 2}]) == [{"id": 1, "likes": 2}]


class Store:
    """As much of a store as intake asks: what is in it."""

    def __init__(self) -> None:
        self.held: dict[str, tuple[int, str]] = {}

    def digests(self, ids: Sequence[str]) -> dict[str, tuple[int, str]]:
        return {key: self.held[key] for key in ids if key in self.held}


class Way:
    """An intake with its inbox."""

    def __init__(self, home: Path) -> None:
        settings = Settings(home=home, brands=(Brand(name="星野咖啡"),))
        self.inbox, self.store = SqliteInbox(home / "inbox.sqlite"), Store()
        self.intake = Intake(settings, self.inbox, self.store, clock=lambda: NOW)

    def take(self, *raws: dict[str, Any], **more: Any) -> Counts:
        return self.intake.take("s", [(raw, f"row {n}") for n, raw in enumerate(raws, 1)], read, **more)


def read(raw: dict[str, Any]) -> list[Mention]:
    if "text" not in raw:
        raise MapError("There is no text.")
    return [mention(raw["id"], raw["text"], **raw.get("more", {}))] if raw["text"].strip() else []


@pytest.fixture
def way(tmp_path: Path) -> Iterator[Way]:
    made = Way(tmp_path)
    yield made
    made.inbox.close()


def test_every_item_is_accounted_for(way: Way) -> None:
    way.store.held["weibo:4"] = (0, clean(mention(4, brands=("星野咖啡",))).digest())
    counts = way.take(
        {"id": 1, "text": "星野咖啡不错"},
        {"id": 2, "text": "别家的"},
        {"id": 3},
        {"id": 4, "text": "星野咖啡不错"},
        {"id": 5, "text": ""},
        {"id": 1, "text": "星野咖啡不错"},
        {"id": 6, "text": 7},
        batch="b",
    )
    assert counts == Counts(read=7, queued=1, duplicate=2, unmatched=2, quarantined=2)
    ends = way.inbox.counts(batch="b")["s"]
    assert (ends["waiting"], ends["duplicate"], ends["unmatched"], ends["quarantined"]) == (1, 2, 2, 2)
    reasons = {entry.place: entry.reason for entry in way.inbox.quarantined()}
    assert reasons["row 3"] == "There is no text."
    assert "Unexpected shape" in reasons["row 7"]


def test_what_a_map_cannot_know_is_stamped(way: Way) -> None:
    way.take(
        {"id": 1, "text": "星野咖啡 ", "more": {}},
        {"id": 2, "text": "星野咖啡", "more": {"version": 77}},
    )
    first, second = (leased.item for leased in way.inbox.lease(9, worker="w"))
    assert (first.mention.fetched_at, first.mention.version) == (NOW, int(NOW.timestamp() * 1000))
    assert (first.mention.brands, first.mention.text) == (("星野咖啡",), "星野咖啡")
    assert (second.mention.fetched_at, second.mention.version) == (NOW, 77)
    assert msgspec.json.decode(first.raw or b"")["id"] == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"published_at": NOW + timedelta(days=2)},
        {"published_at": datetime(2026, 1, 1)},  # noqa: DTZ001 (the mistake under test)
        {"author": Author(id="weibo:\x00")},
        {"thread_id": "weibo:\ud800"},
    ],
)
def test_what_cannot_be_true_is_quarantined(way: Way, wrong: dict[str, Any]) -> None:
    counts = way.take({"id": 1, "text": "星野咖啡", "more": wrong}, {"id": 2, "text": "星野咖啡"})
    assert (counts.queued, counts.quarantined) == (1, 1)


def test_a_raw_item_that_utf8_cannot_hold_is_kept(way: Way) -> None:
    assert way.take({"id": 1, "note": "\ud800"}).quarantined == 1
    assert b"ud800" in way.inbox.quarantined()[0].raw


def test_replay_frees_what_a_better_map_understands(way: Way) -> None:
    way.take({"id": 1}, {"id": 2}, {"id": 3, "words": "星野咖啡"})

    def better(raw: dict[str, Any]) -> list[Mention]:
        return read({**raw, "text": raw["words"]}) if "words" in raw else read(raw)

    assert way.intake.replay(lambda _: read).kept == 3
    done = way.intake.replay(lambda name: better if name == "s" else None)
    assert (done.again, done.kept) == (1, 2)
    assert [leased.item.mention.id for leased in way.inbox.lease(9, worker="w")] == ["weibo:3"]
    assert len(way.inbox.quarantined()) == 2


def test_replay_of_some_leaves_the_others(way: Way) -> None:
    way.take({"id": 1, "words": 1}, {"id": 2, "words": 2})
    newest, oldest = way.inbox.quarantined()
    done = way.intake.replay(lambda _: lambda raw: [mention(raw["id"])], [oldest.id, 10_000])
    assert (done.again, done.kept) == (1, 0)
    assert [entry.id for entry in way.inbox.quarantined()] == [newest.id]


def test_a_given_up_mention_can_be_replayed_without_its_source(way: Way) -> None:
    way.take({"id": 1, "text": "星野咖啡"})
    way.inbox.quarantine(way.inbox.lease(1, worker="w")[0], "the model broke")
    assert way.intake.replay(lambda _: None).again == 1
    assert way.inbox.depth() == 1


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from(["星野咖啡", "别家", "", None])), max_size=30))
def test_the_sum_always_holds(raws: list[tuple[int, str | None]]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        way = Way(Path(folder))
        counts = way.take(*({"id": n, "text": t} if t is not None else {"id": n} for n, t in raws))
        way.inbox.close()
    assert counts.read == len(raws) == counts.queued + counts.duplicate + counts.unmatched + counts.quarantined


def test_digest_does_not_change_on_the_way() -> None:
    """A mention read twice is a repeat: cleaning must be stable."""
    first = clean(mention(text="  星野咖啡<br>好\u200b喝 "))
    assert encode(clean(first)) == encode(first)
