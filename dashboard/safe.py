"""Text from outside on a page: always escaped, never Markdown, never HTML, never a link that runs.

Whatever a stranger wrote goes through `text` or `marked` into st.html, or into a data frame.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit

_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~:$&\"'=^/])")
# Characters that reorder or hide what follows: a post could make a line read other than it is.
_INVISIBLE = re.compile("[\u0000-\u0008\u000b-\u001f\u007f\u202a-\u202e\u2066-\u2069\u200e\u200f]")
Span = tuple[int, int]


def text(value: str | None) -> str:
    """`value` as HTML that shows exactly these characters."""
    return html.escape(_INVISIBLE.sub("", value or ""), quote=True)


def label(value: str) -> str:
    """`value` for a widget's label, which Streamlit reads as Markdown: every sign of Markdown is escaped."""
    return _MARKDOWN.sub(r"\\\1", _INVISIBLE.sub("", value).replace("\n", " "))


def marked(value: str, spans: Iterable[Span], tag: str = "mark") -> str:
    """`value` as HTML with the characters of `spans` inside <mark>; each piece is escaped by itself."""
    pieces, at = [], 0
    for start, end in _merged(spans, len(value)):
        pieces += [text(value[at:start]), f"<{tag}>{text(value[start:end])}</{tag}>"]
        at = end
    return "".join([*pieces, text(value[at:])])


def _merged(spans: Iterable[Span], length: int) -> Sequence[Span]:
    """Sorted, inside the text, without overlap: what comes from a store may be off by a version."""
    clean: list[Span] = []
    for start, end in sorted((max(0, a), min(length, b)) for a, b in spans):
        if start >= end:
            continue
        if clean and start <= clean[-1][1]:
            clean[-1] = (clean[-1][0], max(end, clean[-1][1]))
        else:
            clean.append((start, end))
    return clean


def web_url(url: str | None) -> str | None:
    """`url` when it is plain http or https with a host; None for anything else (javascript:, data:, file:)."""
    if not url or _INVISIBLE.search(url) or any(c.isspace() for c in url):
        return None
    try:
        parts = urlsplit(url)
        return url if parts.scheme in ("http", "https") and parts.hostname else None
    except ValueError:
        return None


def link(url: str | None, words: str) -> str:
    """An HTML link to the original, or "" when the address is not one to open. `words` are our own."""
    address = web_url(url)
    if address is None:
        return ""
    return f'<a href="{html.escape(address)}" target="_blank" rel="noopener noreferrer nofollow">{text(words)}</a>'
