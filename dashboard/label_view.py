"""How far the labels can be trusted: drift, accuracy on what people labelled, the brand's own categories."""

from __future__ import annotations

import streamlit as st

from dashboard import label_queries, safe, words
from dashboard.words import t
from index.labels.accuracy import ENOUGH, GroupAccuracy, Tally
from index.labels.drift import Drift, Watched
from nlp.own_categories import Fitted

MOST = 12  # rows: platforms and languages beyond are a few labels each


def draw() -> None:
    st.html(f'<h2 class="part">{t("labels.title")}</h2>')
    st.html(drift(label_queries.drift()))
    groups = label_queries.accuracy()
    st.html(accuracy(groups[:MOST]) if groups else f'<p class="muted small">{t("labels.none")}</p>')


def draw_own() -> None:
    """Nothing where earshot.toml has no [[categories]]."""
    own = label_queries.own_categories()
    if own:
        st.html(own_categories(own))


def drift(watched: Watched) -> str:
    """An alarm for each platform that looks different; else what was compared, or why nothing could be."""
    if watched.found:
        lines = "<br>".join(safe.text(moved(one)) for one in watched.found)
        return f'<p class="trouble">{lines}<br><span class="muted">{t("drift.do")}</span></p>'
    if watched.compared:
        compared = t("drift.none", platforms=_listed(watched.compared))
        return f'<p class="muted small">{safe.text(compared)}</p>'
    return f'<p class="muted small">{t("drift.too_few")}</p>'


def moved(one: Drift) -> str:
    """What moved on which platform, from what to what."""
    return t(
        f"drift.{one.measure}",
        platform=words.name("platform", one.platform),
        label=words.name("sentiment", one.label),
        now=words.percent(one.now),
        before=words.percent(one.before),
    )


def accuracy(groups: list[GroupAccuracy]) -> str:
    """A table: platform and language, the random check, what people corrected unasked."""
    titles = "".join(f"<th>{t(f'labels.{name}')}</th>" for name in ("group", "drawn", "found"))
    rows = "".join(
        f"<tr><td>{safe.text(group_name(one))}</td><td>{tally(one.drawn)}</td>"
        f'<td class="muted">{tally(one.found)}</td></tr>'
        for one in groups
    )
    return (
        f'<table class="plain"><thead><tr>{titles}</tr></thead><tbody>{rows}</tbody></table>'
        f'<p class="muted small">{t("labels.bias")}</p>'
    )


def group_name(one: GroupAccuracy) -> str:
    return f"{words.name('platform', one.platform)} · {words.name('lang', one.lang)}"


def tally(one: Tally) -> str:
    """Accuracy with its interval, or how many labels are still missing."""
    undecided = f" · {t('labels.undecided', n=one.undecided)}" if one.undecided else ""
    if not one.enough:
        return f'<span class="muted small">{t("labels.not_enough", n=one.judged, of=ENOUGH)}{undecided}</span>'
    low, high = (words.percent(end) for end in one.interval)
    counted = t("labels.counted", n=one.judged)
    return (
        f"<b>{words.percent(one.share)}</b> {t('labels.interval', low=low, high=high)}"
        f' <span class="muted small">{counted}{undecided}</span>'
    )


def own_categories(own: dict[str, Fitted | None]) -> str:
    """The brand's own categories: how many examples, and how well those are told from everything else."""
    rows = "".join(
        f"<tr><td>{safe.text(words.name('aspect', name))}</td><td>{experience(one)}</td>"
        f"<td>{measured(one)}</td></tr>"
        for name, one in own.items()
    )
    titles = "".join(f"<th>{t(f'own.{name}')}</th>" for name in ("category", "examples", "measured"))
    return (
        f'<h2 class="part">{t("own.title")}</h2><table class="plain"><thead><tr>{titles}</tr></thead>'
        f'<tbody>{rows}</tbody></table><p class="muted small">{t("own.about")}</p>'
    )


def experience(one: Fitted | None) -> str:
    """How much it has seen: "young: 12 examples"."""
    if one is None:
        return f'<span class="label plain">{t("own.new")}</span>'
    key, tone = ("own.young", "soon") if one.young else ("own.grown", "plain")
    return f'<span class="label {tone}">{t(key, n=one.examples)}</span>'


def young(name: str) -> str:
    """A label for an aspect that is one of the brand's own categories; empty for any other."""
    one = label_queries.own_categories().get(name)
    return experience(one) if one else ""


def measured(one: Fitted | None) -> str:
    if one is None:
        return f'<span class="muted small">{t("own.unmeasured")}</span>'
    return t("own.numbers", precision=words.percent(one.probe.precision), recall=words.percent(one.probe.recall))


def _listed(platforms: tuple[str, ...]) -> str:
    return t("labels.comma").join(words.name("platform", name) for name in platforms)
