"""The drawers of a mention: why this label, another label, a case from it, the list as a file."""

from __future__ import annotations

from urllib.parse import urlencode

import streamlit as st

from dashboard import address, cards, export, frame, label_view, queries, safe, words
from dashboard.label_form import LABELS, correct_form
from dashboard.words import t
from index.documents import Record
from index.errors import EarshotError, NotFound


def why(mention_id: str) -> None:
    st.dialog(t("why.title"), position="right", width="medium")(_why)(mention_id)


def correct(mention_id: str) -> None:
    st.dialog(t("correct.title"))(correct_form)(mention_id)


def make_case(mention_id: str) -> None:
    st.dialog(t("make_case.title"))(case_form)(mention_id)


def _record(mention_id: str) -> Record | None:
    try:
        return queries.record(mention_id)
    except NotFound:
        st.info(t("mentions.gone"))
        return None


def _why(mention_id: str) -> None:
    """The drawer, and the way on to what else the author said."""
    record = why_view(mention_id)
    author = record.mention.author if record else None
    if author:
        st.page_link(
            "app_pages/mentions.py", label=t("why.same_author"), icon=":material/person:",
            query_params=address.link(writer=author.id, period="all", spam="show"),
        )  # fmt: skip


def why_view(mention_id: str) -> Record | None:
    """Probabilities, the spans that speak of an aspect, the model and its version."""
    record = _record(mention_id)
    if record is None:
        return None
    spans = [aspect.span for aspect in record.analysis.aspects if aspect.span]
    st.html(cards.head(record) + cards.body(record.mention, spans, whole=True) + cards.pictures(record))
    st.html(_verdict(record) + _probabilities(record))
    st.html(_aspects(record) + _model(record))
    return record


def _verdict(record: Record) -> str:
    if record.corrected_sentiment is not None:
        said = words.name("sentiment", record.analysis.sentiment)
        return f"<p>{t('why.corrected', label=safe.text(said))}</p>"
    if record.analysis.sentiment == "unsure":
        return f"<p>{t('why.unsure')}</p>"
    return ""


def _probabilities(record: Record) -> str:
    """A small bar for each label."""
    return f'<h2 class="part">{t("why.probabilities")}</h2>' + bars(
        [(words.name("sentiment", s), record.analysis.probabilities.get(s), s) for s in LABELS]
    )


def bars(rows: list[tuple[str, float | None, str]]) -> str:
    """Small bars of (name, share 0..1, tone); an unknown share is a dash, not an empty bar."""
    lines = [
        f"<span>{safe.text(name)}</span>"
        f'<span class="bar {safe.text(tone)}"><i style="width:{100 * (share or 0):.0f}%"></i></span>'
        f'<span class="muted">{words.percent(share)}</span>'
        for name, share, tone in rows
    ]
    return f'<div class="bars">{"".join(lines)}</div>'


def _aspects(record: Record) -> str:
    if not record.analysis.aspects:
        return f'<p class="muted">{t("why.no_aspects")}</p>'
    lines = [
        f"<p>{cards.sentiment_label(aspect.sentiment)} <b>{safe.text(words.name('aspect', aspect.name))}</b>"
        f" {label_view.young(aspect.name)}"
        f' <span class="muted">{safe.text(_evidence(record, aspect.span, aspect.evidence))}</span></p>'
        for aspect in record.analysis.aspects
    ]
    return f'<h2 class="part">{t("why.aspects")}</h2>{"".join(lines)}'


def _evidence(record: Record, span: tuple[int, int] | None, evidence: str | None) -> str:
    found = evidence or (record.mention.full_text[span[0] : span[1]] if span else "")
    return t("why.because", words=found) if found else ""


def _model(record: Record) -> str:
    analysis = record.analysis
    rows = [
        (t("why.model"), f"{analysis.model} {analysis.model_version}"),
        (t("why.analysed"), words.moment_text(analysis.analysed_at)),
        (t("why.language"), words.name("lang", analysis.lang)),
        (t("why.sarcasm"), words.percent(analysis.sarcasm)),
        (t("why.spam"), words.percent(analysis.spam)),
        (
            t("why.pictures"),
            ", ".join(p.problem for p in analysis.pictures if p.problem) or t("why.none"),
        ),
        (
            t("why.masked"),
            ", ".join(f"{words.name('masked', k)} {n}" for k, n in analysis.masked.items()) or t("why.none"),
        ),
    ]
    lines = "".join(f"<div><span class='muted'>{safe.text(k)}</span>{safe.text(v)}</div>" for k, v in rows)
    return f'<h2 class="part">{t("why.facts")}</h2><div class="facts small">{lines}</div>'


def case_form(mention_id: str) -> None:
    record = _record(mention_id)
    if record is None:
        return
    st.html(cards.body(record.mention, whole=True))
    reason = st.text_input(
        t("make_case.reason"), key=f"reason-{mention_id}", placeholder=t("make_case.example"), max_chars=200
    )
    if st.button(t("make_case.make"), type="primary", key=f"make-{mention_id}"):
        _make(record, reason.strip() or t("make_case.by_hand"))


def _make(record: Record, reason: str) -> None:
    try:
        case = queries.make_case(record, by=frame.reader(), reason=reason)
    except EarshotError as error:
        st.warning(t("make_case.not_ours"), icon=":material/info:")
        st.text(words.told(str(error)))
        return
    st.switch_page("app_pages/cases.py", query_params=address.link(case=case.id))


def export_links(total: int) -> None:
    """Links to exactly this list as a file; an anchor, so that the browser streams it to disk."""
    query = urlencode({**address.link(**_shown()), "lang": words.language(), "zone": words.zone().key}, doseq=True)
    for form in export.OFFERED:
        title = t(f"mentions.export_{form}", n=words.exact(total))
        st.html(f'<a href="export/{form}?{safe.text(query)}" download>{title}</a>')
    st.caption(t("mentions.export_help"))


def _shown() -> dict[str, object]:
    """Everything that makes up the list, the defaults too: their meaning may change with a later version."""
    left_out = {"page", "lang", "case", "customer", "queue", "find", "person"}
    return {name: st.session_state[name] for name in address.KEYS if name not in left_out}
