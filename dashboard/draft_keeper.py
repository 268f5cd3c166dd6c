"""Saves what is typed into the reply box at each pause, without a click and without losing the cursor.

Streamlit hands a text area over when it loses the focus or on Ctrl+Enter; a browser that crashes before that
takes the text with it. So a pause in typing presses Ctrl+Enter for the agent. While an input method is
composing (Chinese is typed that way) it waits.
"""

from __future__ import annotations

import streamlit as st

PAUSE = 700  # milliseconds
BOX = "reply-box"  # key of the container around the one text area that is kept

_SCRIPT = """
export default function ({ data }) {
  const area = document.querySelector(`.st-key-${data.box} textarea`);
  if (!area || area.dataset.kept) return;
  area.dataset.kept = "yes";
  let pause;
  const press = { key: "Enter", ctrlKey: true, bubbles: true };
  const keep = () => area.dispatchEvent(new KeyboardEvent("keydown", press));
  area.addEventListener("input", (event) => {
    clearTimeout(pause);
    if (!event.isComposing) pause = setTimeout(keep, data.pause);
  });
  area.addEventListener("compositionend", () => {
    clearTimeout(pause);
    pause = setTimeout(keep, data.pause);
  });
}
"""

_keeper = st.components.v2.component("earshot_draft_keeper", js=_SCRIPT)


def keep_typing() -> None:
    """Call after the text area inside the container with key BOX was drawn."""
    _keeper(data={"box": BOX, "pause": PAUSE}, key="draft-keeper")
