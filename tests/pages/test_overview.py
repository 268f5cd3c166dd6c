"""The overview answers "is anything wrong, what changed" from the data, and says what to do when there is none."""

from __future__ import annotations

import re

import pytest
from msgspec.structs import replace

from dashboard import charts, four_numbers, queries
from index import settings as settings_file
from index.documents import TIME_UNKNOWN
from index.query import MentionQuery
from index.stores import open_store
from index.stores.protocol import Bucket, SentimentCounts


def test_news_names_the_burst_its_topic_and_the_open_cases(home, open_page, text_of):
    page = open_page("overview", brand="星云奶茶")
    assert not page.exception
    shown = text_of(page)
    assert "负面提及" in shown
    assert "口味" in shown
    assert "太甜" in shown
    assert "个工单待回应" in shown


def test_a_file_without_times_is_no_alarm(home, open_page, text_of):
    """Its rows all bear the date of the file."""
    store = open_store(settings_file.load(home))
    negative = store.search(MentionQuery(sentiments=("negative",)), limit=400).hits
    flagged = [
        replace(hit.record, mention=replace(m, flags=(TIME_UNKNOWN,), version=m.version + 1))
        for hit in negative
        for m in [hit.record.mention]
    ]
    store.save(flagged)
    store.close()
    shown = text_of(open_page("overview", brand="星云奶茶"))
    assert "净情感" in shown
    assert "负面提及" not in shown
    assert "最高峰" not in shown
    assert "高于平时" not in shown
    assert "没有时间的文件" in shown, "that day is not that busy"
    assert "时间不详" in text_of(open_page("mentions", sentiment="negative"))


def test_the_change_stands_beside_what_changed(home, open_page, text_of):
    """Ten per cent more are more mentions, not more net sentiment."""
    shown = text_of(open_page("overview", brand="云岭茶铺"))
    assert re.search("条提及，(比上期|与上期)[^，]*，净情感", shown)


def test_what_an_aspect_shows_is_what_a_click_opens():
    """A mention that praises and blames an aspect is one mention of each, so a sum would be nobody's number."""
    both = Bucket(key="taste", counts=SentimentCounts(negative=3, neutral=1, positive=5))
    end = charts.shares([both], "aspect").to_dict()["layer"][1]["data"]["values"]
    assert [row["text"] for row in end] == ["−3  +5"]
    liked = Bucket(key="taste", counts=SentimentCounts(positive=5))
    assert [row["text"] for row in charts.shares([liked], "aspect").to_dict()["layer"][1]["data"]["values"]] == [
        "+5"
    ]


def test_the_posts_of_a_person_stand_on_their_days():
    posts = [Bucket(key=f"2026-11-{day}", counts=SentimentCounts(positive=1)) for day in ("01", "27")]
    assert len(charts.reach(posts).to_dict()["encoding"]["x"]["scale"]["domain"]) == 27


def test_the_picture_of_a_period_shows_all_of_it():
    """One busy day is one bar among thirty, not a picture filled with red."""
    chart = charts.volume(
        [Bucket(key="2026-11-30", counts=SentimentCounts(negative=9))], {}, ("2026-11-01", "2026-11-30")
    )
    days = chart.to_dict()["layer"][0]["encoding"]["x"]["scale"]["domain"]
    assert (days[0], days[-1], len(days)) == ("2026-11-01", "2026-11-30", 30)


def test_four_numbers_carry_values_and_comparisons(home, open_page):
    page = open_page("overview")
    values = [metric.value for metric in page.metric]
    assert len(values) == 4
    assert all(value not in ("", "–") for value in values)
    assert "%" in page.metric[0].delta


def test_a_change_has_one_kind_of_minus_and_the_colour_of_its_meaning(monkeypatch):
    monkeypatch.setattr(four_numbers, "before_text", lambda: "")
    fewer = four_numbers.compared(-9.4, lambda n: f"{n}%", good=True)
    assert (fewer["delta"], fewer["colour"], fewer["arrow"]) == ("−9%", "red", "down")
    same = four_numbers.compared(0.3, good=True)
    assert (same["delta"], same["colour"], same["arrow"]) == ("0", "gray", "off")
    assert four_numbers.compared(None)["note"] is None


def test_without_a_competitor_no_share_of_voice_is_claimed(home, open_page, text_of):
    """A hundred per cent of oneself is no news."""
    assert "own = false" not in text_of(open_page("overview"))
    (home / "earshot.toml").write_text('[[brands]]\nname = "星云奶茶"\n', encoding="utf-8")
    page = open_page("overview")
    assert page.metric[3].value == "–"
    assert not page.metric[3].delta
    assert "own = false" in text_of(page)


@pytest.mark.parametrize("brand", ["*", "星云奶茶"])
def test_the_same_question_has_the_same_number_on_every_page(home, open_page, text_of, brand):
    page = open_page("overview", brand=brand, period="30d")
    assert f"{page.metric[0].value} 条 · 近 30 天" in text_of(open_page("mentions", brand=brand, period="30d"))
    assert f"待回应 {page.metric[2].value}" in str(
        open_page("cases", brand=brand).segmented_control(key="queue").proto
    )
    bars = queries.aspects(MentionQuery(), most=3)
    for bar in bars:
        negative = MentionQuery(aspects=(bar.key,), aspect_sentiment="negative")
        assert queries.count(negative) == bar.counts.negative


def test_another_period_changes_the_numbers(home, open_page):
    page = open_page("overview", period="7d")
    week = page.metric[0].value
    page.session_state["period"] = "all"
    page.run()
    assert page.metric[0].value != week


def test_english_reader_sees_no_chinese_sentence(home, open_page):
    page = open_page("overview", lang="en")
    assert page.metric[0].label == "Mentions"
    assert "negative mentions" in "".join(e.proto.body for e in page.get("html"))


def test_every_number_links_to_what_is_behind_it_with_brand_and_period(home, open_page):
    page = open_page("overview", brand="星云奶茶", period="7d")
    targets = [link.proto.query_string for link in page.get("page_link")]
    assert len(targets) >= 4
    assert all("brand=" in target and "period=7d" in target for target in targets)
    assert any("sentiment=negative" in target for target in targets)


@pytest.mark.parametrize("page_name", ["overview", "mentions", "cases", "influencers", "customers", "sources"])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_empty_home_says_what_to_do_next(empty_home, open_page, text_of, page_name, language):
    page = open_page(page_name, lang=language)
    assert not page.exception
    assert not page.error
    assert "earshot" in text_of(page)


def test_numbers_of_an_empty_store_are_not_zeros(empty_home, open_page):
    assert not open_page("overview").metric


def test_quiet_period_names_the_newest_mention_and_offers_all_time(home, open_page, text_of):
    page = open_page("overview", brand="没人说的牌子")
    assert not page.exception
    assert "看全部时间" in [button.label for button in page.button]


def test_broken_settings_are_told_in_words(home, open_page, text_of):
    (home / "earshot.toml").write_text("[[brands]\n", encoding="utf-8")
    page = open_page("overview")
    assert not page.exception
    assert "earshot.toml" in text_of(page)
