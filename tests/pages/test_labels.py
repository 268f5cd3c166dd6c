"""What people do about labels on the desk, and how far the desk says they can be trusted."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from msgspec.structs import replace

from dashboard import handles, label_queries
from index import categories
from index import settings as settings_file
from index.documents import Correction, Record
from index.query import MentionQuery
from index.stores import open_store
from nlp.own_categories import Fit, Fitted
from nlp.probe import Probe


@pytest.fixture
def store(home):
    opened = open_store(settings_file.load(home))
    yield opened
    opened.close()


def bodies(page) -> str:
    return "\n".join(e.proto.body for e in page.get("html"))


def newest(store, **filters) -> Record:
    return store.search(MentionQuery(**filters), limit=1).hits[0].record


def said(store, field: str) -> list[str]:
    return [c.value for c in store.corrections() if c.field == field]


def test_aspects_and_intents_are_corrected_with_what_is_said_of_each(store, open_drawer):
    record = newest(store, aspects=("taste",), aspect_sentiment="negative")
    key = record.mention.id
    drawer = open_drawer("correct_form", key)
    drawer.multiselect(key=f"new-aspects-{key}").set_value(["taste", "after_sales"]).run()
    drawer.pills(key=f"new-aspect-after_sales-{key}").set_value(["negative", "positive"]).run()
    drawer.pills(key=f"new-intents-{key}").set_value(["complaint", "suggestion"]).run()
    drawer.button(key=f"save-label-{key}").click().run()
    assert not drawer.exception
    assert said(store, "aspects") == ["taste:negative,after_sales:negative,after_sales:positive"]
    assert said(store, "intents") == ["complaint,suggestion"]
    assert said(store, "sentiment") == []  # nobody touched it
    (shown,) = store.get([key])
    assert [a.name for a in shown.analysis.aspects] == ["taste", "after_sales", "after_sales"]


def test_saving_without_a_change_confirms_the_sentiment_and_touches_nothing_else(store, open_drawer):
    record = newest(store, sentiments=("negative",))
    open_drawer("correct_form", record.mention.id).button(key=f"save-label-{record.mention.id}").click().run()
    assert [(c.field, c.value) for c in store.corrections()] == [("sentiment", "negative")]


def test_all_aspects_and_intents_can_be_taken_away(store, open_drawer):
    record = newest(store, aspects=("taste",), intents=("complaint",))
    key = record.mention.id
    drawer = open_drawer("correct_form", key)
    drawer.multiselect(key=f"new-aspects-{key}").set_value([]).run()
    drawer.pills(key=f"new-intents-{key}").set_value([]).run()
    drawer.button(key=f"save-label-{key}").click().run()
    (shown,) = store.get([key])
    assert (shown.analysis.aspects, shown.analysis.intents) == ((), ())


def label(store, records: list[Record], right: int, *, drawn: bool) -> None:
    """The first `right` as the model says, the others otherwise."""
    for number, record in enumerate(records):
        model = record.analysis.sentiment
        value = model if number < right else "neutral" if model != "neutral" else "positive"
        store.correct(
            Correction(
                mention_id=record.mention.id,
                field="sentiment",
                value=value,
                by="我",
                at=datetime.now(UTC),
                drawn=drawn,
            )
        )


@pytest.mark.parametrize(
    ("count", "right", "shown"),
    [(12, 10, "还不够：12 / 30"), (29, 29, "还不够：29 / 30"), (30, 27, "<b>90%</b> （74%–97%）")],
)
@pytest.mark.parametrize("drawn", [True, False])
def test_accuracy_stands_in_the_column_of_where_its_labels_come_from(store, open_page, count, right, shown, drawn):
    records = list(store.scan(MentionQuery(platforms=("weibo",), langs=("zh",))))[:count]
    label(store, records, right, drawn=drawn)
    page = open_page("sources")
    assert not page.exception
    (row,) = re.findall(r"<tr><td>微博 · 中文</td>(.*?)</tr>", bodies(page))
    check, found = re.findall(r"<td.*?>(.*?)</td>", row)
    assert shown in (check if drawn else found)
    assert "还不够：0 / 30" in (found if drawn else check)
    assert "随机抽查" in bodies(page)


def test_before_anybody_labels_the_page_says_how_to_begin(home, open_page):
    assert "还没有人工标签" in bodies(open_page("sources"))


def many(record: Record, count: int, sentiment: str, days_ago: float) -> list[Record]:
    at = datetime.now(UTC) - timedelta(days=days_ago)
    analysis = replace(record.analysis, sentiment=sentiment, spam=None)
    return [
        Record(
            mention=replace(record.mention, id=f"zhihu:{sentiment}{n}", platform="zhihu", published_at=at),
            analysis=analysis,
        )
        for n in range(count)
    ]


def test_drift_is_an_alarm_on_the_page_and_too_few_mentions_are_none(store, open_page):
    assert "还看不出标签有没有变化" in bodies(open_page("sources"))
    record = newest(store)
    store.save(many(record, 150, "positive", 20) + many(record, 150, "negative", 1))
    label_queries._drift.clear()  # of a grown store it is an hour old at most
    shown = bodies(open_page("sources", lang="en"))
    assert re.search(
        r"Zhihu: &quot;(Positive|Negative)&quot; is \d+% of the last 7 days, and was \d+% of the four weeks before",
        shown,
    )


def test_the_labels_of_a_store_that_has_grown_are_watched_too(store, open_page):
    open_page("sources")
    for _ in range(handles.YOUNG):
        handles.desk().changed_here()
    page = open_page("sources")
    assert not page.exception
    assert "还看不出标签有没有变化" in bodies(page)


def test_a_random_check_hides_the_models_label_and_keeps_each_answer_as_drawn(store, open_page):
    page = open_page("sources")
    page.button(key="check-start").click().run()
    assert not page.exception
    shown = bodies(page)
    assert "第 1 / 10 条" in shown
    card = shown[shown.index("第 1 / 10 条") :]
    assert not re.search(r'class="label (negative|neutral|positive)"', card)
    page.button(key="check-positive").click().run()
    assert "第 2 / 10 条" in bodies(page)
    page.button(key="check-unsure").click().run()
    kept = list(store.corrections())
    assert sorted(c.value for c in kept) == ["positive", "unsure"]
    assert all(c.drawn and c.by == "坐席" for c in kept)
    page.button(key="check-stop").click().run()
    assert page.button(key="check-start")


def test_a_drawn_mention_corrected_later_stays_a_drawn_one(store, open_drawer):
    record = newest(store)
    label(store, [record], 1, drawn=True)
    key = record.mention.id
    drawer = open_drawer("correct_form", key)
    drawer.segmented_control(key=f"new-label-{key}").set_value("positive").run()
    drawer.button(key=f"save-label-{key}").click().run()
    assert [(c.value, c.drawn) for c in store.corrections()] == [("positive", True)]


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_no_key_of_a_category_or_an_intent_is_ever_shown(home, store, open_page, text_of, lang):
    """Mentions of every category, the brand's own and the retired one among them."""
    own = '\n[[categories]]\nname = "waiting_line"\nzh = "排队"\nen = "Waiting in line"\nexamples = ["排队"]\n'
    with (home / "earshot.toml").open("a", encoding="utf-8") as file:
        file.write(own)
    names = [*categories.names(), "waiting_line"]
    for name, record in zip(names, list(store.scan(MentionQuery()))[: len(names)], strict=True):
        for field, value in (("aspects", f"{name}:negative"), ("intents", "purchase_intent,suggestion")):
            correction = Correction(
                mention_id=record.mention.id, field=field, value=value, by="我", at=datetime.now(UTC)
            )
            store.correct(correction)
    for page in ("overview", "mentions", "cases"):
        opened = open_page(page, lang=lang, period="all")
        assert not opened.exception
        shown = re.sub(r"<[^>]*>", " ", text_of(opened))
        assert not re.search(r"\b(after_sales|overall|purchase_intent|waiting_line)\b", shown), page
    mentions = text_of(open_page("mentions", lang=lang, period="all", aspect="waiting_line"))
    assert ("排队" if lang == "zh" else "Waiting in line") in mentions


def test_own_categories_are_said_to_be_young_with_what_their_examples_promise(home, store, open_page, open_drawer):
    own = '\n[[categories]]\nname = "waiting_line"\nzh = "排队"\nexamples = ["排队"]\n'
    with (home / "earshot.toml").open("a", encoding="utf-8") as file:
        file.write(own)
    assert "还没有用上" in bodies(open_page("sources"))
    fitted = Fitted("waiting_line", 12, Probe((0.1,), 0.0, 0.2, precision=0.8, recall=0.75, missed=()))
    (home / "own_categories.json").write_bytes(msgspec.json.encode(Fit("key", (fitted,))))
    page = open_page("sources")
    assert not page.exception
    assert "年轻：12 个例子" in bodies(page)
    assert "查准 80% · 查全 75%" in bodies(page)
    record = newest(store)
    store.correct(
        Correction(
            mention_id=record.mention.id,
            field="aspects",
            value="waiting_line:negative",
            by="我",
            at=datetime.now(UTC),
        )
    )
    assert "年轻：12 个例子" in bodies(open_drawer("why_view", record.mention.id))
