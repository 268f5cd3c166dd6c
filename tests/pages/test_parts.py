"""The pure parts of the desk: escaping, addresses, words of two languages, bursts, rising words, periods."""

from __future__ import annotations

import html
import re
import string
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import get_args
from zoneinfo import ZoneInfo

import httpx2 as httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawlers.imports.columns import vocabulary
from crawlers.imports.files import FALLBACK_PLATFORM
from dashboard import address, filters, news, rising, safe, words
from index import categories, documents, sources
from index.alerts import rules
from index.alerts.channels import open_channel, webhook
from index.crm.links import AUTOMATIC
from index.errors import SettingsError
from index.settings import Channel, Settings
from index.stores.protocol import Bucket, SentimentCounts
from nlp import influence, personal
from nlp import language as detection

NOW = datetime(2026, 11, 22, 9, 0)  # noqa: DTZ001 (local time)
SHANGHAI = ZoneInfo("Asia/Shanghai")


@given(st.text(), st.lists(st.tuples(st.integers(-5, 60), st.integers(-5, 60))))
def test_marked_text_is_the_text_and_nothing_but_marks(text, spans):
    shown = safe.marked(text, spans)
    bare = shown.replace("<mark>", "").replace("</mark>", "")
    assert "<" not in bare
    assert ">" not in bare
    assert html.unescape(bare) == html.unescape(safe.text(text))


def test_marks_stand_where_the_spans_are():
    assert safe.marked("a<b>太甜了", [(4, 6)]) == "a&lt;b&gt;<mark>太甜</mark>了"


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "data:text/html,x", " https://a.b", "https://", "//a.b", "file:///etc/passwd",
     "java\nscript:alert(1)", "https://a\u202e.b", "ftp://a.b", "http:/a", None, "", "https://[::1"],
)  # fmt: skip
def test_only_web_addresses_become_links(url):
    assert safe.web_url(url) is None
    assert safe.link(url, "x") == ""


def test_a_link_cannot_leave_its_attribute():
    assert '"><script>' not in safe.link('https://a.b/"><script>', "x")


@given(st.text(alphabet=string.punctuation + "ab\n", max_size=30))
def test_a_label_shows_its_signs_instead_of_obeying_them(text):
    assert re.sub(r"\\(.)", r"\1", safe.label(text)) == text.replace("\n", " ")


def test_both_languages_have_the_same_sentences_with_the_same_blanks():
    chinese = words.catalogue("zh")
    english = {key: said for key, said in words.catalogue("en").items() if key.removesuffix("_one") == key}
    assert chinese.keys() == english.keys()
    for key in chinese:
        blanks = [
            sorted(name for _, name, _, _ in string.Formatter().parse(c[key]) if name) for c in (chinese, english)
        ]
        assert blanks[0] == blanks[1], key


def blanks(sentence: str) -> list[str]:
    return sorted(name for _, name, _, _ in string.Formatter().parse(sentence) if name)


def test_every_sentence_the_pages_ask_for_exists():
    asked = set()
    for file in (Path(words.__file__).parent).glob("**/*.py"):
        asked |= set(re.findall(r"""\bt\(\s*"([a-z_.]+)\"""", file.read_text(encoding="utf-8")))
    assert asked
    assert not asked - words.catalogue("zh").keys()


# Words of other folders that the pages show by their names: kind of name -> all that can come.
VOCABULARIES: dict[str, set[str]] = {
    "act": {"contact.reveal", "customer.erase"},
    "actor": {"rules", AUTOMATIC},
    "contact": {"phone", "email"},
    "drift": {"labels", "confidence", "do", "none", "too_few"},
    "event": {"opened", "mention", "note", "assigned", "replied", "closed", "reopened", "snoozed"},
    "evidence": {"phone", "email", "account", "name", "person"},
    "intent": set(documents.INTENTS),
    "kind": set(get_args(documents.Kind)),
    "lang": {"zh", "und", *detection.known_languages()},
    "link": {"linked", "unlinked", "rejected"},
    "masked": set(get_args(personal.Kind)),
    "part": set(influence.PARTS),
    "source_state": set(get_args(sources.State)),
    "tier": {"KOC", "KOL", "ordinary", "suspect"},
    "topic": set(rules.TOPICS),
    "trouble": {"silent", *get_args(sources.ErrorKind)},
}


@pytest.mark.parametrize("kind", VOCABULARIES)
def test_every_word_of_a_vocabulary_has_a_name_and_no_name_is_left_over(kind):
    named = {key.partition(".")[2] for key in words.catalogue("zh") if key.startswith(f"{kind}.")}
    assert named == VOCABULARIES[kind]


def test_every_sentence_is_used():
    """By its whole key, or by a key that the code puts together of pieces it names."""
    files = Path(words.__file__).parent.glob("**/*.py")
    code = "\n".join(file.read_text(encoding="utf-8") for file in files)
    named = set(re.findall(r"""["']([\w.\-]+)["']""", code)) | {"kol", "suspect"}
    built = [
        re.compile(re.sub(r"\\\{.*?\\\}", "(.+)", re.escape(form)))
        for form in set(re.findall(r'f"([a-z_{}]+\.[^"\s:]+)"', code))
    ]
    unused = [
        key
        for key in words.catalogue("zh")
        if key not in named
        and key.partition(".")[0] not in {*VOCABULARIES, "platform"}
        and not any((found := form.fullmatch(key)) and {*found.groups()} <= named for form in built)
    ]
    assert unused == []


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_category_intent_and_topic_has_a_name(language, monkeypatch):
    monkeypatch.setattr(words, "language", lambda: language)
    for kind, keys in (("aspect", categories.names()), ("intent", documents.INTENTS), ("topic", rules.TOPICS)):
        for key in keys:
            assert words.name(kind, key) != key, f"{kind}.{key}"


@pytest.mark.parametrize("status", [200, 302, 401, 404, 429, 500])
def test_why_an_alert_was_not_delivered_is_told_in_chinese(status, monkeypatch):
    monkeypatch.setattr(words, "language", lambda: "zh")
    fault = webhook.fault_of(status, httpx.Headers(), b'{"errcode": 40035, "errmsg": "bad sign"}')
    assert re.search("[\u4e00-\u9fff]", words.told(str(fault)))


def test_an_alert_that_could_not_be_sent_at_all_is_told_in_chinese(tmp_path, monkeypatch):
    monkeypatch.setattr(words, "language", lambda: "zh")
    said = []
    for channel in (
        Channel(name="ops", type="pigeon"),
        Channel(name="ops", type="webhook", url="https://a.example"),
        Channel(name="ops", type="webhook", url="https://a.example", secret_env="NOT_SET_ANYWHERE"),
    ):
        with pytest.raises(SettingsError) as error:
            open_channel(channel, Settings(home=tmp_path))
        said.append(words.told(str(error.value)))
    assert [one for one in said if not one.startswith("通道 'ops'：")] == []


def test_one_is_not_said_like_many(monkeypatch):
    monkeypatch.setattr(words, "language", lambda: "en")
    assert words.t("card.comments", n="1") == "1 comment"
    assert words.t("card.comments", n="1,234") == "1,234 comments"
    assert words.t("overview.points", n="−1") == "−1 point"
    english = words.catalogue("en")
    assert [key for key in english if key.endswith("_one") and key.removesuffix("_one") not in english] == []


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_platform_that_imports_and_connectors_know_has_a_name(language, monkeypatch):
    monkeypatch.setattr(words, "language", lambda: language)
    known = {*vocabulary().platforms.values(), *vocabulary().hosts.values(), FALLBACK_PLATFORM}
    assert [key for key in known if f"platform.{key}" not in words.catalogue(language)] == []


def test_an_address_is_read_back_as_it_was_written():
    parsed = address.parse(
        {"sentiment": ["negative", "bogus"], "page": ["3"], "since": ["2026-11-01"], "q": ["a b"]}
    )
    assert parsed["sentiment"] == ["negative"]
    assert parsed["page"] == 3
    assert parsed["since"].isoformat() == "2026-11-01"
    assert parsed["q"] == "a b"
    assert parsed["brand"] == "*"


@given(st.dictionaries(st.sampled_from(sorted(address.KEYS)), st.lists(st.text(max_size=12), max_size=3)))
def test_no_address_breaks_the_question(given_parameters):
    filters.mention_query(address.parse(given_parameters), SHANGHAI)


def test_a_period_is_whole_days_of_the_reader_and_compares_like_with_like():
    now = datetime(2026, 11, 22, 1, 30, tzinfo=UTC)
    window = filters.window("7d", now, SHANGHAI)
    assert window.since == datetime(2026, 11, 15, 16, tzinfo=UTC)
    assert window.before_since == window.since - timedelta(days=7)
    assert window.before_until == now - timedelta(days=7)
    assert filters.window("all", now, SHANGHAI).before_since is None


def hours(burst: dict[int, int], usual: int = 1) -> list[Bucket]:
    """Hourly counts of nine days; `burst`: hours before now -> negative mentions."""
    return [
        Bucket(
            key=(NOW - timedelta(hours=age)).isoformat(timespec="hours")[:13] + ":00",
            counts=SentimentCounts(negative=burst.get(age, usual), neutral=5),
        )
        for age in range(216)
    ]


def test_a_burst_is_found_with_its_beginning_and_size():
    found = news.find_burst(hours({0: 9, 1: 14, 2: 12, 3: 8}), NOW)
    assert found is not None
    assert found.start == NOW - timedelta(hours=3)
    assert found.negatives == 43
    assert found.times == pytest.approx(43 / 4)


def test_the_usual_is_no_burst():
    assert news.find_burst(hours({}, usual=6), NOW) is None
    assert news.find_burst(hours({0: 7, 5: 8}, usual=6), NOW) is None
    assert news.find_burst([], NOW) is None


def test_a_burst_that_ended_yesterday_is_no_news():
    assert news.find_burst(hours({30: 20, 31: 25}), NOW) is None


def test_where_there_is_usually_nothing_no_ratio_is_claimed():
    found = news.find_burst(hours({0: 9, 1: 14}, usual=0), NOW)
    assert found is not None
    assert found.times is None


def spoken_of(**negatives: int) -> list[Bucket]:
    return [Bucket(key=aspect, counts=SentimentCounts(negative=n)) for aspect, n in negatives.items()]


def test_changes_name_what_clearly_moved_and_nothing_else():
    now = [
        Bucket(key="taste", counts=SentimentCounts(negative=120)),
        Bucket(key="price", counts=SentimentCounts(negative=20)),
    ]
    before = [
        Bucket(key="taste", counts=SentimentCounts(negative=30)),
        Bucket(key="price", counts=SentimentCounts(negative=19)),
    ]
    assert [change.aspect for change in news.changes(now, before, 1000, 1000)] == ["taste"]
    assert news.changes(now, before, 1000, 0) == []


def said(*texts: str) -> list[rising.Said]:
    """Each by an author of its own."""
    return [rising.Said(text, f"weibo:{number}") for number, text in enumerate(texts)]


BEFORE = said(*["星云奶茶真的很好喝呢"] * 40)


def test_rising_words_are_whole_words_and_not_the_brand():
    now = said(*["星云奶茶今天杯盖漏了一地"] * 12, *["星云奶茶真的很好喝呢"] * 30)
    assert [r.word for r in rising.rising_words(now, BEFORE, known=["星云奶茶"])] == ["今天杯盖漏了一地"]


def test_one_sentence_of_many_is_one_phrase_and_not_its_pieces():
    advert = ["加微信领红包，全场包邮！名额有限", "加微信领红包，全场包邮！快来"] * 6
    shouted = ["Paid full price and it broke"] * 9
    others = ["这里的红豆冰好吃", "杯盖漏了"] * 8
    found = [r.word for r in rising.rising_words(said(*advert, *shouted, *others), BEFORE)]
    assert sorted(found) == ["Paid full price and it broke", "加微信领红包", "杯盖漏", "红豆冰好吃"]


def test_what_one_author_repeats_is_not_rising():
    loud = [rising.Said("店长欠薪不还", "weibo:1")] * 20
    assert rising.rising_words([*loud, *BEFORE], BEFORE) == []
    (found,) = rising.rising_words([*loud, rising.Said("店长欠薪不还！", "weibo:2"), *BEFORE], BEFORE)
    assert found.word == "店长欠薪不还"


def test_a_rising_phrase_is_spelt_as_people_write_it():
    now = said(*["杯蓋漏晒 iPhone都濕埋"] * 9)
    assert [r.word for r in rising.rising_words(now, BEFORE)] == ["杯蓋漏晒 iPhone都濕埋"]


@pytest.mark.parametrize(
    ("value", "said"), [(None, "–"), (0, "0"), (1234, "1,234"), (48_000, "4.8 万"), (2e8, "2 亿")]
)
def test_numbers_are_said_as_people_say_them(value, said, monkeypatch):
    monkeypatch.setattr(words, "language", lambda: "zh")
    assert words.number(value) == said
