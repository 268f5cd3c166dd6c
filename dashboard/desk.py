"""The frame of the desk: language, navigation, brand and period; then the page itself."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from dashboard import address, frame, queries
from dashboard.words import t
from index import categories
from index.errors import EarshotError

HERE = Path(__file__).parent


def main() -> None:
    st.set_page_config(page_title="Earshot", page_icon=":material/graphic_eq:", layout="wide")
    st.html(HERE / "style.css")
    st.logo(str(HERE / "logo.svg"), size="medium")
    page = st.navigation(_pages(), position="top")
    address.read(page.url_path)
    try:
        st.session_state["zone"] = queries.settings().timezone
        st.session_state["_currency"] = queries.settings().currency
        st.session_state["_categories"] = categories.names(queries.settings())
        frame.draw(page.url_path or "overview")
        page.run()
    except EarshotError as error:
        frame.failed(error)
    address.write()


def _pages() -> list[st.Page]:
    """The pages in the order of the menu; the first opens when none is named."""
    listed = [
        ("overview", ":material/monitoring:"),
        ("mentions", ":material/forum:"),
        ("cases", ":material/support_agent:"),
        ("influencers", ":material/campaign:"),
        ("customers", ":material/group:"),
        ("sources", ":material/sensors:"),
    ]
    return [
        st.Page(f"app_pages/{name}.py", title=t(f"{name}.title"), icon=icon, default=name == "overview")
        for name, icon in listed
    ]


main()
