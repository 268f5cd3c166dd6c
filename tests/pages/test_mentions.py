"""The Mentions page: search, filters in the URL, correction, cases, and text from outside that stays text."""

from __future__ import annotations

import re

import pytest

from dashboard import words
from index import settings as settings_file
from index.alerts.cases import Cases
from index.errors import QueryError
from index.query import MentionQuery
from index.query_language import parse
from index.stores import open_store


def bodies(page) -> str:
    return "\n".join(e.proto.body for e in page.get("html"))


def count(page) -> int:
    line = next(e.proto.body for e in page.get("html") if " 条" in e.proto.body and "muted" in e.proto.body)
    return int(line.split(">")[1].split(" 条")[0].replace(",", ""))


def newest(home):
    store = open_store(settings_file.load(home))
    record = store.search(MentionQuery(), limit=1).hits[0].record
    store.close()
    return record


def test_filters_of_a_link_hold_in_any_language(home, open_page):
    chinese = open_page("mentions", sentiment=["negative"], platform=["weibo"], period="all")
    english = open_page("mentions", sentiment=["negative"], platform=["weibo"], period="all", lang="en")
    assert not chinese.exception
    assert not english.exception
    everything = count(open_page("mentions", period="all"))
    assert 0 < count(chinese) < everything
    assert "Weibo" in bodies(english)
    assert bodies(chinese).count('class="label negative"') > 0
    assert "label positive" not in bodies(chinese)


def test_a_chosen_filter_goes_into_the_url(home, open_page):
    page = open_page("mentions", period="all")
    page.session_state["sentiment"] = ["positive"]
    page.run()
    assert page.query_params["sentiment"] == "positive"
    assert page.query_params["period"] == "all"


def test_values_in_the_url_that_mean_nothing_are_ignored(home, open_page):
    page = open_page("mentions", sentiment=["<script>"], page="-3", since="yesterday", period="1000y", reach="1e9")
    assert not page.exception
    assert count(page) > 0


def test_each_card_says_of_which_brand_it_speaks(home, open_page):
    shown = bodies(open_page("mentions", period="all", platform=["douyin"], sort="engagement"))
    said = re.findall('<span class="fact">抖音</span> · <span class="fact">(.+?)</span>', shown)
    assert said
    assert set(said) <= {"星云奶茶", "云岭茶铺", "山野咖啡"}


def test_search_marks_the_words_found(home, open_page):
    page = open_page("mentions", q="太甜", period="all")
    assert "<mark>太甜</mark>" in bodies(page)


def test_a_search_that_cannot_be_read_points_at_the_bad_character(home, open_page):
    page = open_page("mentions", q='太甜 OR "第二杯')
    assert not page.exception
    assert page.error
    assert 'class="pointer"' in bodies(page)
    assert "<mark>" in bodies(page)


def test_nothing_found_offers_a_way_back(home, open_page):
    page = open_page("mentions", q="没有这样的词啊啊啊")
    clear = next(button for button in page.button if "清除" in button.label)
    clear.click().run()
    assert count(page) > 0


def test_text_from_outside_stays_text(home, open_page):
    shown = bodies(open_page("mentions"))
    assert "&lt;script&gt;window.pwned=1&lt;/script&gt;" in shown
    assert "&lt;b&gt;坏人&lt;/b&gt;" in shown
    assert "<script>" not in shown
    assert "<img" not in shown
    assert 'href="javascript:' not in shown


def test_each_card_opens_its_drawers(home, open_page):
    record = newest(home)
    for name in ("case", "label", "why"):
        page = open_page("mentions").button(key=f"{name}-{record.mention.id}").click().run()
        assert not page.exception


def test_correcting_a_label_is_kept_and_shown(home, open_page, open_drawer):
    record = newest(home)
    drawer = open_drawer("correct_form", record.mention.id)
    drawer.segmented_control(key=f"new-label-{record.mention.id}").set_value("positive").run()
    drawer.button(key=f"save-label-{record.mention.id}").click().run()
    assert not drawer.exception
    assert newest(home).corrected_sentiment == "positive"
    assert "人工" in bodies(open_page("mentions"))


def test_why_shows_probabilities_spans_and_the_model(home, open_drawer):
    record = newest(home)
    drawer = open_drawer("why_view", record.mention.id)
    assert not drawer.exception
    shown = bodies(drawer)
    assert "earshot-sentiment 1" in shown
    assert "<mark>太甜</mark>" in shown
    assert f"{record.analysis.probabilities['negative'] * 100:.0f}%" in shown


def test_a_case_can_be_made_from_a_mention_of_ours_and_not_of_another_brand(home, open_drawer):
    store = open_store(settings_file.load(home))
    ours, theirs = (
        store.search(MentionQuery(brands=(brand,), sentiments=("positive",)), limit=1).hits[0].record.mention.id
        for brand in ("星云奶茶", "云岭茶铺")
    )
    store.close()
    for mention_id in (ours, theirs):
        drawer = open_drawer("case_form", mention_id)
        drawer.text_input(key=f"reason-{mention_id}").input("要亲自感谢").run()
        drawer.button(key=f"make-{mention_id}").click().run()
    assert drawer.warning
    cases = Cases(settings_file.load(home))
    assert [case.reason for case in cases.of_mention(ours)] == ["要亲自感谢"]
    assert not cases.of_mention(theirs)
    cases.records.close()


def test_pages_go_on_without_repeating(home, open_page):
    first = bodies(open_page("mentions", period="all", spam="show"))
    second = bodies(open_page("mentions", period="all", spam="show", page="2"))
    links = [part.split('"')[0] for part in first.split('href="https://example.org/')[1:]]
    assert links
    assert not any(f"https://example.org/{link}" in second for link in links)


@pytest.mark.parametrize(
    "typed",
    ['奶茶 "差评', "奶茶 (差评", "奶茶) 差评", "a ()", "a -", "-！", "a OR", "OR a", 'a "！"', "！！", "brnad:喜茶",
     "a https://x.com", "brand:", "a is:angry", "since:gestern", "(" * 30 + "a" + ")" * 30, "a " * 300],
)  # fmt: skip
def test_a_mistake_in_the_search_is_explained_in_chinese(typed, monkeypatch):
    monkeypatch.setattr(words, "language", lambda: "zh")
    with pytest.raises(QueryError) as caught:
        parse(typed)
    assert words.told(str(caught.value)) != str(caught.value)
