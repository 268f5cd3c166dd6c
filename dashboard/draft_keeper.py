"""Saves what is typed into the reply box at each pause, without a click and without losing the cursor.

Streamlit hands a text area over when it loses the focus or on Ctrl+Enter; a browser that crashes before that
takes the text with it. So a pause in typing presses Ctrl+Enter for the agent. While an input method is
composing (Chinese is typed that way) it waits.
"""

from __future__ import annotations

import streamlit as st

PAUSE = 700  # milliseconds
BOX = "reply-box"  # key of the container around the one text area that is kept

# One listener on the document: the text area itself comes and goes with the case that is shown.
_SCRIPT = """
export default function ({ data }) {
  if (window.earshotKeepsDrafts) return;
  window.earshotKeepsDrafts = true;
  const press = { key: "Enter", ctrlKey: true, bubbles: true };
  let pause;
  const typed = (event) => {
    const area = event.target;
    if (!area.matches?.(`.st-key-${data.box} textarea`)) return;
    clearTimeout(pause);
    if (event.isComposing) return;
    pause = setTimeout(() => area.dispatchEvent(new KeyboardEvent("keydown", press)), data.pause);
  };
  document.addEventListener("input", typed, true);
  document.addEventListener("compositionend", typed, true);
}
"""

_keeper = st.components.v2.component("earshot_draft_keeper", js=_SCRIPT)


def keep_typing() -> None:
    """Call on a page with a text area inside a container whose key is BOX."""
    _keeper(data={"box": BOX, "pause": PAUSE}, key="draft-keeper")
