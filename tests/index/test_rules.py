"""When a mention must be answered, and when it must not."""

from __future__ import annotations

from datetime import datetime

import msgspec
import pytest

from index import categories
from index.alerts.rules import DEFAULT_RULES, matches, may_matter, own_brands, rules_of
from index.documents import TIME_UNKNOWN, Record
from index.settings import Category, Rule, Settings

OWN = frozenset({"星野咖啡", "Noctua"})
CUSTOMER = Rule(name="customer", kind="negative_customer", answer_within=60)
REACH = Rule(name="reach", kind="negative_reach", min_followers=10_000, answer_within=90)
TASTE = Rule(name="taste", kind="complaint_aspect", aspects=("taste",), answer_within=240)
PRAISE = Rule(name="thanks", kind="praise", answer_within=1440)


def found(record: Record, *rules: Rule, now: datetime, customer: str | None = None):
    return matches(record, rules, OWN, customer, now)


def test_a_negative_post_of_a_linked_customer_matches_and_names_the_aspect(say, now):
    record = say("1", aspects={"price": "positive", "delivery": "negative"})
    (match,) = found(record, CUSTOMER, now=now, customer="C1")
    assert (match.rule, match.topic, match.brand, match.praise) == ("customer", "delivery", "星野咖啡", False)
    assert match.reason_en == "A customer is unhappy about delivery (90% sure)."
    assert match.reason_zh == f"老顾客对“{categories.SHIPPED['delivery'].zh}”不满（把握 90%）。"


def test_neither_who_nor_when_is_nobody_to_answer(say, now):
    """The rows of a file of texts alone: hundreds at once, all from the day of the file."""
    complaint = say("1", aspects={"taste": "negative"}, intents=("complaint",))
    flagged = msgspec.structs.replace(complaint.mention, flags=(TIME_UNKNOWN,))
    unsigned = msgspec.structs.replace(flagged, author=None)
    assert found(msgspec.structs.replace(complaint, mention=flagged), TASTE, now=now)
    assert not found(msgspec.structs.replace(complaint, mention=unsigned), TASTE, now=now)


def test_the_same_post_of_a_stranger_does_not(say, now):
    assert found(say("1"), CUSTOMER, now=now) == []


@pytest.mark.parametrize(
    ("followers", "views", "matched"),
    [(9_999, None, False), (10_000, None, True), (None, 10_000, True), (None, None, False), (5, 20_000, True)],
)
def test_reach_is_followers_or_views(say, now, followers, views, matched):
    record = say("1", followers=followers, views=views)
    assert bool(found(record, REACH, now=now)) is matched


def test_a_watched_aspect_counts_only_when_spoken_of_badly(say, now):
    complaint = {"intents": ("complaint",)}
    assert found(say("1", aspects={"taste": "negative"}, **complaint), TASTE, now=now)
    assert not found(say("2", aspects={"taste": "positive", "price": "negative"}, **complaint), TASTE, now=now)
    assert not found(say("3", **complaint), TASTE, now=now)


def test_a_complaint_inside_a_cheerful_post_counts(say, now):
    record = say("1", sentiment="positive", aspects={"taste": "negative"}, intents=("complaint", "praise"))
    assert [match.rule for match in found(record, TASTE, now=now)] == ["taste"]


def test_praise_needs_the_intent_and_a_sure_label(say, now):
    assert found(say("1", sentiment="positive", intents=("praise",)), PRAISE, now=now)[0].praise
    assert not found(say("2", sentiment="positive"), PRAISE, now=now)
    assert not found(say("3", sentiment="positive", intents=("praise",), sure=0.5), PRAISE, now=now)


def test_a_label_corrected_by_a_person_is_certain(say, now):
    unsure = say("1", sentiment="neutral", sure=0.4)
    corrected = msgspec.structs.replace(unsure, corrected_sentiment="negative")
    assert not found(unsure, CUSTOMER, now=now, customer="C1")
    assert found(corrected, CUSTOMER, now=now, customer="C1")
    wrong = msgspec.structs.replace(say("2"), corrected_sentiment="positive")
    assert not found(wrong, CUSTOMER, REACH, now=now, customer="C1")


@pytest.mark.parametrize(
    "harmless",
    [
        {"spam": 0.5},
        {"intents": ("advertisement", "complaint")},
        {"sure": 0.55},
        {"sentiment": "neutral"},
        {"brands": ("云海茶",)},
        {"brands": ()},
        {"deleted": True},
        {"hours_ago": 72.1},
    ],
)
def test_spam_adverts_doubts_competitors_and_old_posts_open_nothing(say, now, harmless):
    assert found(say("1", followers=10**6, **harmless), CUSTOMER, REACH, now=now, customer="C1") == []


def test_a_post_dated_in_the_future_by_a_wrong_clock_counts_as_new(say, now):
    assert found(say("1", hours_ago=-5), CUSTOMER, now=now, customer="C1")


def test_of_several_rules_the_most_urgent_speaks_and_every_channel_hears(say, now):
    hook = msgspec.structs.replace(REACH, channels=("ops",))
    (match,) = found(say("1", followers=20_000), CUSTOMER, hook, now=now, customer="C1")
    assert (match.rule, match.minutes, match.channels) == ("customer", 60, ("ops",))


def test_two_brands_of_ours_in_one_post_are_two_matches(say, now):
    record = say("1", brands=("星野咖啡", "云海茶", "Noctua"))
    assert {match.brand for match in found(record, CUSTOMER, now=now, customer="C1")} == {"星野咖啡", "Noctua"}
    only = msgspec.structs.replace(CUSTOMER, brands=("Noctua",))
    assert [match.brand for match in found(record, only, now=now, customer="C1")] == ["Noctua"]


@pytest.mark.parametrize(
    ("aspects", "intents", "topic"),
    [
        ({"price": "negative", "taste": "negative"}, (), "price"),
        ({}, ("complaint", "question"), "complaint"),
        ({}, ("question",), "question"),
        ({"taste": "positive"}, (), "general"),
    ],
)
def test_the_topic_is_the_first_bad_aspect_else_the_intent(say, now, aspects, intents, topic):
    (match,) = found(say("1", aspects=aspects, intents=intents), CUSTOMER, now=now, customer="C1")
    assert match.topic == topic


def test_a_case_is_about_what_a_rule_watches_before_what_is_said_first(say, now):
    """Whoever's rule is the most urgent: a splinter in a cup of a customer is no matter of the staff."""
    record = say("1", aspects={"staff": "negative", "taste": "negative"})
    (match,) = found(record, CUSTOMER, TASTE, now=now, customer="C1")
    assert (match.rule, match.topic) == ("customer", "taste")
    (match,) = found(say("2", aspects={"staff": "negative"}), CUSTOMER, TASTE, now=now, customer="C1")
    assert match.topic == "staff"


def test_an_opinion_on_the_whole_is_no_subject_and_opens_no_case_by_itself(say, now):
    watched = Rule(name="whole", kind="complaint_aspect", aspects=("overall",))
    for rule in (*(r for r in DEFAULT_RULES if r.kind == "complaint_aspect"), watched):
        assert found(say("1", aspects={"overall": "negative"}), rule, now=now) == []
    about = {"overall": "negative", "after_sales": "negative"}
    (match,) = found(say("1", aspects=about), CUSTOMER, now=now, customer="C1")
    assert match.topic == "after_sales"
    (match,) = found(say("1", aspects={"overall": "negative"}), CUSTOMER, now=now, customer="C1")
    assert (match.topic, match.reason_en) == ("general", "A customer is unhappy (90% sure).")


@pytest.mark.parametrize(
    ("watched", "said"), [("service", "staff"), ("service", "after_sales"), ("staff", "service")]
)
def test_a_rule_and_a_mention_of_different_versions_understand_each_other(say, now, watched, said):
    rules = rules_of(Settings(rules=(Rule(name="r", kind="complaint_aspect", aspects=(watched,)),)))
    assert matches(say("1", aspects={said: "negative"}), rules, OWN, None, now)
    assert not matches(say("2", aspects={"price": "negative"}), rules, OWN, None, now)


@pytest.mark.parametrize("topic", [*categories.names(), "queue"])
def test_a_reason_names_its_subject_in_both_languages_and_never_by_its_key(say, now, topic):
    own = Settings(categories=(Category(name="queue", zh="排队", en="Waiting in line", examples=("x",)),))
    record = say("1", aspects={topic: "negative"}, intents=("complaint", "question"))
    (match,) = matches(record, (CUSTOMER,), OWN, "C1", now, categories.names(own))
    name = categories.names(own)[topic]
    if topic != "overall":
        assert name.zh in match.reason_zh
        assert f"about {name.en.lower()} " in match.reason_en
    assert "_" not in match.reason_en + match.reason_zh


def test_without_rules_of_its_own_a_brand_still_hears_of_trouble(say, now, settings):
    rules = rules_of(settings)
    assert {rule.kind for rule in rules} == {rule.kind for rule in DEFAULT_RULES}
    assert [rule.answer_within for rule in rules] == sorted(rule.answer_within for rule in rules)
    assert own_brands(settings) == OWN
    (match,) = matches(say("1", intents=("complaint",)), rules, own_brands(settings), None, now)
    assert match.rule == "complaint"
    assert rules_of(Settings(rules=(PRAISE,))) == (PRAISE,)


@pytest.mark.parametrize("kind", ["negative_customer", "negative_reach", "complaint_aspect", "praise"])
@pytest.mark.parametrize("sentiment", ["negative", "neutral", "positive", "unsure"])
@pytest.mark.parametrize("intents", [(), ("complaint",), ("praise",), ("complaint", "praise")])
def test_the_cheap_first_look_drops_nothing_a_rule_would_take(say, now, kind, sentiment, intents):
    record = say("1", sentiment=sentiment, intents=intents, followers=10**6, aspects={"taste": "negative"})
    rule = Rule(name="r", kind=kind)
    if found(record, rule, now=now, customer="C1"):
        assert may_matter(record, OWN)
