"""Another label for a mention, from a person: sentiment, aspects with what is said of each, intents."""

from __future__ import annotations

from collections.abc import Iterable

import streamlit as st

from dashboard import cards, frame, label_queries, queries, safe, words
from dashboard.words import t
from index import categories
from index.documents import INTENTS, Record, SentimentLabel
from index.errors import NotFound
from index.labels.rows import Field

LABELS: tuple[SentimentLabel, ...] = ("negative", "neutral", "positive")


def correct_form(mention_id: str) -> None:
    """A person's labels: they are kept through every later scoring. Only what was changed is kept, and without a
    change the sentiment, as confirmed."""
    try:
        record = queries.record(mention_id)
    except NotFound:
        st.info(t("mentions.gone"))
        return
    st.html(cards.body(record.mention, whole=True))
    mood = _sentiment(record)
    wanted: dict[Field, str] = {"aspects": _aspects(record), "intents": _intents(record)}
    st.caption(t("correct.help"))
    if st.button(t("correct.save"), type="primary", disabled=mood is None, key=f"save-label-{mention_id}") and mood:
        _save(record, mood, wanted)
        st.toast(t("correct.saved", label=words.name("sentiment", mood)), icon=":material/check:")
        st.rerun()


def _save(record: Record, mood: str, wanted: dict[Field, str]) -> None:
    shown = {"aspects": _written(record), "intents": _joined(record.analysis.intents)}
    changed: dict[Field, str] = {field: value for field, value in wanted.items() if value != shown[field]}
    if mood != record.sentiment or not changed:
        changed["sentiment"] = mood
    for field, value in changed.items():
        label_queries.correct(record.mention.id, field, value, frame.reader())


def _sentiment(record: Record) -> str | None:
    return st.segmented_control(
        t("correct.label"),
        LABELS,
        default=record.sentiment if record.sentiment in LABELS else None,
        format_func=signed,
        key=f"new-label-{record.mention.id}",
        width="stretch",
    )


def signed(label: str) -> str:
    """A sentiment with its sign: − Negative."""
    return f"{cards.SIGNS[label]} {words.name('sentiment', label)}"


def _aspects(record: Record) -> str:
    """The chosen aspects as a correction keeps them. One that is praised and blamed has two signs."""
    said: dict[str, list[str]] = {}
    for aspect in record.analysis.aspects:
        if aspect.sentiment in LABELS and aspect.sentiment not in said.setdefault(aspect.name, []):
            said[aspect.name].append(aspect.sentiment)
    known = [name for name in categories.names(queries.settings()) if name not in categories.RETIRED]
    chosen = st.multiselect(
        t("correct.aspects"),
        list(dict.fromkeys((*known, *said))),
        default=list(said),
        format_func=lambda name: words.name("aspect", name),
        placeholder=t("correct.no_aspects"),
        key=f"new-aspects-{record.mention.id}",
    )
    return _joined(_polarity(record.mention.id, name, said.get(name, [])) for name in chosen)


def _polarity(mention_id: str, name: str, said: list[str]) -> str:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.html(f'<span class="small">{safe.text(words.name("aspect", name))}</span>', width=84)
        chosen = st.pills(
            words.name("aspect", name),
            LABELS,
            selection_mode="multi",
            default=said or ["neutral"],
            format_func=signed,
            key=f"new-aspect-{name}-{mention_id}",
            label_visibility="collapsed",
        )
    return _joined(f"{name}:{label}" for label in LABELS if label in chosen)


def _written(record: Record) -> str:
    """What the record shows now, in the form and the order of `_aspects`."""
    found = record.analysis.aspects
    names = dict.fromkeys(a.name for a in found if a.sentiment in LABELS)
    return _joined(
        f"{n}:{s}" for n in names for s in LABELS if any(a.name == n and a.sentiment == s for a in found)
    )


def _intents(record: Record) -> str:
    shown = record.analysis.intents
    chosen = st.pills(
        t("correct.intents"),
        list(dict.fromkeys((*INTENTS, *shown))),
        selection_mode="multi",
        default=list(shown),
        format_func=lambda intent: words.name("intent", intent),
        key=f"new-intents-{record.mention.id}",
    )
    return _joined(intent for intent in dict.fromkeys((*shown, *INTENTS)) if intent in chosen)


def _joined(parts: Iterable[str]) -> str:
    return ",".join(part for part in parts if part)
