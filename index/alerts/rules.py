"""When a mention must be answered. Pure: a record, the rules and the clock in, a match out."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from msgspec import structs

from index.categories import OVERALL, Name, kin, names
from index.documents import Document, Record
from index.settings import Rule, Settings

SPAM = 0.5  # at this probability of spam or above, nobody is waiting for an answer
GENERAL = "general"
TOPICS = ("complaint", "question", "praise", GENERAL)  # of a case that is about no category
# What applies when earshot.toml has no [[rules]]: a customer first, then reach, then any complaint; thanks last.
DEFAULT_RULES = (
    Rule(name="unhappy customer", kind="negative_customer", answer_within=60),
    Rule(name="negative with reach", kind="negative_reach", answer_within=60),
    Rule(name="complaint", kind="complaint_aspect", answer_within=240),
    Rule(name="praise", kind="praise", min_probability=0.85, answer_within=1440),
)


class Match(Document, frozen=True, kw_only=True):
    """A mention that needs an answer, for one brand. `rule` is the most urgent of the rules that matched,
    `channels` are those of all of them, `minutes` is the time to answer."""

    rule: str
    brand: str
    topic: str
    praise: bool
    minutes: int
    channels: tuple[str, ...]
    reason_en: str
    reason_zh: str


def own_brands(settings: Settings) -> frozenset[str]:
    """Names of the brands that are answered for; competitors are only watched."""
    return frozenset(brand.name for brand in settings.brands if brand.own)


def rules_of(settings: Settings) -> tuple[Rule, ...]:
    """The rules in force, most urgent first; DEFAULT_RULES when none are configured."""
    rules = [structs.replace(rule, aspects=kin(rule.aspects)) for rule in settings.rules] or DEFAULT_RULES
    return tuple(sorted(rules, key=lambda rule: rule.answer_within))


def may_matter(record: Record, own: Collection[str]) -> bool:
    """A cheap first look that no rule would contradict: most mentions end here."""
    if record.sentiment not in ("negative", "positive") and "complaint" not in record.analysis.intents:
        return False
    return any(brand in own for brand in record.mention.brands)


def matches(
    record: Record,
    rules: Sequence[Rule],
    own: Collection[str],
    customer_id: str | None,
    now: datetime,
    categories: Mapping[str, Name] | None = None,
) -> list[Match]:
    """At most one match per own brand of the mention. `rules` most urgent first (rules_of); `categories` are
    the names that a reason may say (index.categories.names; default: the shipped ones)."""
    mention, analysis = record.mention, record.analysis
    if mention.deleted or "advertisement" in analysis.intents or (analysis.spam or 0.0) >= SPAM:
        return []
    if mention.author is None and mention.time_unknown:
        return []  # neither who nor when: an archive of texts, and nobody to answer
    age = (now - mention.published_at).total_seconds() / 3600
    hits = [rule for rule in rules if age <= rule.max_age_hours and _applies(rule, record, customer_id)]
    found = []
    for brand in mention.brands:
        fitting = [rule for rule in hits if brand in own and (not rule.brands or brand in rule.brands)]
        if fitting:
            found.append(_match(fitting, record, brand, categories or names()))
    return found


def _applies(rule: Rule, record: Record, customer_id: str | None) -> bool:
    if rule.kind == "praise":
        return _sure(record, "positive", rule) and "praise" in record.analysis.intents
    if rule.kind == "complaint_aspect":
        return _complains(rule, record)
    if not _sure(record, "negative", rule):
        return False
    if rule.kind == "negative_customer":
        return customer_id is not None
    return reach_of(record) >= rule.min_followers


def _sure(record: Record, label: str, rule: Rule) -> bool:
    return record.sentiment == label and probability(record) >= rule.min_probability


def probability(record: Record) -> float:
    """How sure the shown label is: 1 when a person set it."""
    if record.corrected_sentiment is not None:
        return 1.0
    return record.analysis.probabilities.get(record.sentiment, 0.0)


def _complains(rule: Rule, record: Record) -> bool:
    """A complaint, or a negative mention, that speaks badly of a watched aspect. Without watched aspects any
    complaint. A mention of overall good cheer can complain about one thing, so intents count by themselves."""
    if record.corrected_sentiment == "positive":
        return False
    complaint = "complaint" in record.analysis.intents
    if not complaint and not _sure(record, "negative", rule):
        return False
    bad = _aspects(record, "negative")
    return any(name in rule.aspects for name in bad) if rule.aspects else complaint or bool(bad)


def reach_of(record: Record) -> int:
    """People who may have seen it: the author's followers or the mention's views, whichever is more."""
    author = record.mention.author
    return max(record.mention.engagement.views or 0, (author.followers or 0) if author else 0)


def topic_of(record: Record, *, praise: bool = False, wanted: Sequence[str] = ()) -> str:
    """What a case is about: the first `wanted` aspect spoken of that way, else the first of all, else an intent."""
    named = _aspects(record, "positive" if praise else "negative")
    if named:
        return next((name for name in wanted if name in named), named[0])
    if praise:
        return "praise"
    return next((i for i in ("complaint", "question") if i in record.analysis.intents), GENERAL)


def _aspects(record: Record, sentiment: str) -> list[str]:
    """What is spoken of that way. An opinion on the whole is the sentiment again and names no subject."""
    found = record.analysis.aspects
    return [aspect.name for aspect in found if aspect.sentiment == sentiment and aspect.name != OVERALL]


def _match(fitting: Sequence[Rule], record: Record, brand: str, categories: Mapping[str, Name]) -> Match:
    rule = fitting[0]
    praise = rule.kind == "praise"
    watched = [name for each in fitting for name in each.aspects]
    topic = topic_of(record, praise=praise, wanted=watched)
    reason_en, reason_zh = _reasons(rule, record, categories.get(topic))
    return Match(
        rule=rule.name,
        brand=brand,
        topic=topic,
        praise=praise,
        minutes=rule.answer_within,
        channels=tuple(dict.fromkeys(name for each in fitting for name in each.channels)),
        reason_en=reason_en,
        reason_zh=reason_zh,
    )


def _reasons(rule: Rule, record: Record, subject: Name | None) -> tuple[str, str]:
    """Why the case exists, in one sentence each, from facts alone: no text from outside. `subject` is the
    category it is about, None when it is about none."""
    sure = f"{probability(record):.0%}"
    reach = f"{reach_of(record):,}"
    about, about_zh = (f" about {subject.en.lower()}", f"“{subject.zh}”") if subject else ("", "")
    if rule.kind == "negative_customer":
        thing = about_zh or "品牌"
        return f"A customer is unhappy{about} ({sure} sure).", f"老顾客对{thing}不满（把握 {sure}）。"
    if rule.kind == "negative_reach":
        return f"Negative{about}, up to {reach} people reached.", f"{about_zh}负面内容，最多触达 {reach} 人。"
    if rule.kind == "complaint_aspect":
        return f"A complaint{about}.", f"{about_zh}投诉。" if about_zh else "用户投诉。"
    return f"Praise{about} worth a thank-you.", f"{about_zh}好评，值得感谢。"
