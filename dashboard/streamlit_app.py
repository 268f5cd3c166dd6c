"""The desk as one web application: the pages, and beside them the export of a list as a file.

Start it from any folder with `streamlit run .../dashboard/streamlit_app.py`; `.streamlit/config.toml` beside
this file holds its looks. The pages begin in desk.py.
"""

from __future__ import annotations

import logging

import pandas  # type: ignore[import-untyped]  # noqa: F401 - Streamlit's tables need it; read now, so that the first reader does not wait
import streamlit as st
from starlette.routing import Route

# The modules below are read before the desk runs, so their caches are in memory: as meant, not worth a warning.
logging.getLogger("streamlit.runtime.caching.cache_data_api").addFilter(
    lambda line: "No runtime found" not in line.getMessage()
)

from dashboard import case_view, charts, queries  # noqa: E402, F401 - for the same reason
from dashboard.export import download  # noqa: E402

app = st.App("desk.py", routes=[Route("/export/{form}", download, methods=["GET"])])
