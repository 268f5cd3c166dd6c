"""A panel of the overview: its title and box, a chart that can be clicked, the way to the mentions behind it."""

from __future__ import annotations

from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard import address, charts, safe
from dashboard.words import t

MENTIONS = "app_pages/mentions.py"


def part(title: str, *, legend: bool = False) -> DeltaGenerator:
    box = st.container(border=True, gap="small", height="stretch")
    signs = (
        "".join(f'<span class="label {s}">{t(f"sentiment.{s}")}</span> ' for s in charts.SHOWN) if legend else ""
    )
    box.html(f'<div class="head"><h2 class="part">{safe.text(title)}</h2><span class="right">{signs}</span></div>')
    return box


def drawn(chart: charts.Chart, key: str) -> dict[str, str] | None:
    """Draw a chart; what was clicked, if anything."""
    event = st.altair_chart(chart, key=key, on_select="rerun", selection_mode=charts.PICK)
    picked = event["selection"].get(charts.PICK)
    return picked[0] if picked else None


def open_mentions(**choices: Any) -> None:
    st.switch_page(MENTIONS, query_params=address.link(**choices))
