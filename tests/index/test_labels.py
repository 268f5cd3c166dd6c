"""What people say of labels: rows to train on, how often the model is right, whether labels still look the same."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.documents import INTENTS, SENTIMENTS, Correction, Record
from index.labels import accuracy, drift, rows
from index.labels.sample import draw
from index.query import MentionQuery
from index.stores.protocol import SentimentCounts

WEEK = 7 * 24


def corrected(
    now, number: int, field: str, value: str, *, drawn: bool = False, platform: str = "weibo"
) -> Correction:
    return Correction(mention_id=f"{platform}:{number}", field=field, value=value, by="小李", at=now, drawn=drawn)


def test_corrections_become_training_rows_in_the_schema_of_the_data(say, store, now):
    store.save([say("1", text="太甜了，客服也不理"), say("2", text="Lovely", lang="en"), say("3")])
    store.correct(corrected(now, 1, "sentiment", "negative"))
    store.correct(corrected(now, 1, "aspects", "taste:negative,after_sales:negative,taste:positive,price:neutral"))
    store.correct(corrected(now, 2, "intents", "praise", drawn=True))
    store.correct(corrected(now, 3, "sentiment", "unsure"))
    store.delete(["weibo:3"])
    found = list(rows.training_rows(store))
    assert len(found) == 2 + len(INTENTS)
    (mood,) = [row for row in found if "label" in row and "task" not in row]
    assert (mood["text"], mood["label"], mood["lang"]) == ("太甜了，客服也不理", "negative", "zh-Hans")
    assert (mood["source"], mood["domain"], mood["by"], mood["drawn"]) == ("corrections", "weibo", "小李", False)
    (aspects,) = [row for row in found if "aspects" in row]
    assert aspects["aspects"] == {"taste": 0, "after_sales": -1, "price": 0}
    wants = {row["task"]: row["label"] for row in found if "task" in row}
    assert wants == dict.fromkeys(INTENTS, 0) | {"praise": 1}
    assert list(rows.training_rows(store, ["sentiment"])) == [mood]


def test_a_label_nobody_could_decide_teaches_nothing(say, store, now):
    store.save([say("1")])
    store.correct(corrected(now, 1, "sentiment", "unsure"))
    assert [row["label"] for row in rows.training_rows(store)] == [None]


@pytest.mark.parametrize(
    ("right", "n", "low", "high"),
    [
        (0, 10, 0.0, 0.2775),
        (27, 30, 0.7438, 0.9654),
        (30, 30, 0.8865, 1.0),
        (81, 263, 0.2553, 0.3662),
        (0, 0, 0, 1),
    ],
)
def test_the_interval_is_wilsons(right, n, low, high):
    assert accuracy.wilson(right, n) == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))


@given(st.integers(1, 5000), st.data())
def test_an_interval_holds_its_share_and_stays_a_share(n, data):
    right = data.draw(st.integers(0, n))
    low, high = accuracy.wilson(right, n)
    assert 0 <= low <= right / n + 1e-12
    assert right / n - 1e-12 <= high <= 1


def test_accuracy_is_by_platform_and_language_and_random_checks_stand_apart(say, store, now):
    store.save([say(str(n)) for n in range(60)])
    store.save([say(str(n), by="x:9", lang="en", sentiment="positive") for n in range(5)])
    for number in range(40):  # drawn: 36 right, 4 wrong
        label = "negative" if number >= 4 else "neutral"
        store.correct(corrected(now, number, "sentiment", label, drawn=True))
    for number in range(40, 60):  # what people mend is wrong
        store.correct(corrected(now, number, "sentiment", "positive"))
    store.correct(corrected(now, 0, "sentiment", "positive", platform="x"))
    store.correct(corrected(now, 1, "sentiment", "unsure", platform="x"))
    weibo, x = accuracy.by_group(rows.labelled(store))
    assert (weibo.platform, weibo.lang) == ("weibo", "zh-Hans")
    assert weibo.drawn == accuracy.Tally(right=36, judged=40)
    assert weibo.found == accuracy.Tally(right=0, judged=20)
    assert weibo.drawn.enough
    assert not weibo.found.enough
    assert weibo.drawn.share == 0.9
    assert (x.lang, x.found) == ("en", accuracy.Tally(right=1, judged=1, undecided=1))


def test_after_re_scoring_accuracy_is_the_new_models(say, store, now):
    store.save([say("1", sentiment="negative")])
    store.correct(corrected(now, 1, "sentiment", "positive", drawn=True))
    assert accuracy.by_group(rows.labelled(store))[0].drawn.right == 0
    store.save([say("1", sentiment="positive")])
    assert accuracy.by_group(rows.labelled(store))[0].drawn.right == 1


def test_each_mention_is_drawn_as_often_as_any_other(say, store, now):
    """Busy hours and quiet ones: 40 mentions in one hour, 10 spread over ten others."""
    store.save([say(str(n), hours_ago=1 + n / 1000) for n in range(40)])
    store.save([say(str(40 + n), hours_ago=50 + 7.3 * n) for n in range(10)])
    seen = Counter(r.mention.id for seed in range(300) for r in draw(store, MentionQuery(), 5, Random(seed)))
    assert sum(seen.values()) == 1500
    expected = 1500 / 50
    chi_square = sum((seen[f"weibo:{n}"] - expected) ** 2 / expected for n in range(50))
    assert chi_square < 85.4  # the 99.9 % point of 49 degrees of freedom


@pytest.mark.parametrize("run", [1, 3])
def test_a_draw_holds_no_mention_twice_and_never_more_than_there_are(say, store, now, run):
    assert draw(store, MentionQuery(), 5, Random(1), run=run) == []
    store.save([say(str(n), hours_ago=n / 3) for n in range(12)])
    for count in (1, 5, 12, 50):
        drawn = [r.mention.id for r in draw(store, MentionQuery(), count, Random(count), run=run)]
        assert len(drawn) == len(set(drawn)) == min(count, 12)
    recent = MentionQuery(since=now - timedelta(hours=1, minutes=10))
    assert len(draw(store, recent, 50, Random(2), run=run)) == store.count(recent)


def week(
    say, platform: str, count: int, shares: Iterable[float], weeks_ago: int, *, sure: float, seed: int
) -> list[Record]:
    """`count` mentions of one week; `sure` is the mean confidence, give or take a tenth."""
    chance = Random(seed)
    labels = chance.choices(SENTIMENTS, list(shares), k=count)
    return [
        say(
            f"{seed}-{n}", by=f"{platform}:7", sentiment=label, sure=chance.uniform(sure - 0.1, sure + 0.1),
            hours_ago=(weeks_ago + chance.uniform(0.001, 0.999)) * WEEK,
        )
        for n, label in enumerate(labels)
    ]  # fmt: skip


USUAL, UNHAPPY = (0.2, 0.3, 0.45, 0.05), (0.55, 0.2, 0.2, 0.05)


def filled(say, store, *, last: tuple[float, ...], sure: float, count: int = 300):
    for weeks_ago in range(1, 5):
        store.save(week(say, "weibo", 200, USUAL, weeks_ago, sure=0.8, seed=weeks_ago))
    store.save(week(say, "weibo", count, last, 0, sure=sure, seed=9))


@pytest.mark.parametrize("seed", range(3))
def test_a_week_like_the_others_raises_no_alarm(say, store, now, seed):
    filled(say, store, last=USUAL, sure=0.8)
    watched = drift.watch(store, now, seed)
    assert watched == drift.Watched(compared=("weibo",), too_few=(), found=())


def test_labels_that_moved_are_named_with_their_shares(say, store, now):
    filled(say, store, last=UNHAPPY, sure=0.8)
    (found,) = drift.watch(store, now).found
    assert (found.platform, found.measure, found.label) == ("weibo", "labels", "negative")
    assert found.now == pytest.approx(0.55, abs=0.1)
    assert found.before == pytest.approx(0.2, abs=0.05)
    assert found.value > drift.MAJOR


@pytest.mark.parametrize("sure", [0.65, 0.9])
def test_confidence_that_moved_is_found_with_its_means(say, store, now, sure):
    filled(say, store, last=USUAL, sure=sure)
    (found,) = drift.watch(store, now).found
    assert (found.measure, found.label) == ("confidence", None)
    assert found.now == pytest.approx(sure, abs=0.03)
    assert found.before == pytest.approx(0.8, abs=0.03)


def test_too_few_mentions_are_said_to_be_too_few(say, store, now):
    filled(say, store, last=UNHAPPY, sure=0.5, count=drift.FEWEST - 1)
    store.save(week(say, "zhihu", 500, UNHAPPY, 0, sure=0.5, seed=20))  # new here: nothing to compare with
    assert drift.watch(store, now) == drift.Watched(compared=(), too_few=("weibo", "zhihu"), found=())


def test_spam_is_no_drift(say, store, now):
    filled(say, store, last=USUAL, sure=0.8)
    adverts = week(say, "weibo", 400, (0, 0, 1, 0), 0, sure=0.9, seed=30)
    spam = [msgspec.structs.replace(r, analysis=msgspec.structs.replace(r.analysis, spam=0.9)) for r in adverts]
    store.save(spam)
    assert drift.watch(store, now).found == ()


def test_chance_alone_seldom_reaches_the_alarm():
    """2,000 pairs of samples of one population, of every size that is compared: at most a handful of alarms."""
    chance = Random(11)
    alarms = 0
    for _ in range(2000):
        n, m = chance.randint(drift.FEWEST, 300), chance.randint(drift.FEWEST, 1200)
        counts = [Counter(chance.choices(SENTIMENTS, USUAL, k=size)) for size in (n, m)]
        now, before = (SentimentCounts(**count) for count in counts)
        alarms += drift.label_drift("weibo", now, before) is not None
    assert alarms <= 8


@given(st.lists(st.integers(0, 500), min_size=4, max_size=4), st.lists(st.integers(0, 500), min_size=4, max_size=4))
def test_the_index_is_zero_for_the_same_and_the_same_both_ways(now, before):
    assert drift.stability_index(now, now) == pytest.approx(0)
    index = drift.stability_index(now, before)
    assert index >= -1e-12
    assert math.isclose(index, drift.stability_index(before, now), abs_tol=1e-9)
