"""HTML from outside becomes plain text: what the author wrote, without quotes of others, scripts and styles."""

from __future__ import annotations

import html
import re
from typing import Any

import lxml.etree
import lxml.html

MAX_MARKUP = 2_000_000  # characters; longer documents are cut before parsing
DEEP = 200  # libxml2 gives up on deeper nesting and returns nothing: then tags are cut out plainly
_ANY_TAG = re.compile(r"<[^<>]*>")
_TAG = re.compile(r"<[a-zA-Z/!?]")
_UNPARSABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_SPACES = re.compile(r"[ \t\r\f\v]*\n[ \t\r\f\v]*")
_BLOCKS = frozenset(
    ("address", "article", "aside", "blockquote", "br", "dd", "div", "dl", "dt", "figure", "footer", "h1", "h2",
     "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "nav", "ol", "p", "pre", "section", "table", "td", "th",
     "tr", "ul")
)  # fmt: skip
_SILENT = frozenset({"script", "style", "template", "noscript", "head", "iframe", "object", "svg"})
_QUOTES = frozenset({"blockquote", "aside"})  # someone else's words: Discourse and forums quote with these


def text_of(markup: str, *, keep_quotes: bool = False) -> str:
    """The text of an HTML fragment: blocks become lines, entities characters, an emoji picture its alt text.

    Total: any string gives a string.
    """
    if not _TAG.search(markup):
        return html.unescape(markup).strip() if "&" in markup else markup.strip()
    root = parse(markup)
    if root is None:
        return ""
    parts: list[str] = []
    _collect(root, parts, _SILENT if keep_quotes else _SILENT | _QUOTES)
    lines = _SPACES.sub("\n", "".join(parts)).strip()
    if not lines and markup.count("<") > DEEP:
        lines = html.unescape(_ANY_TAG.sub(" ", markup[:MAX_MARKUP]))
    return re.sub(r"\n{3,}", "\n\n", lines).strip()


def parse(markup: str) -> Any:
    """The root element of an HTML document or fragment; None when there is nothing to parse."""
    source = _UNPARSABLE.sub(" ", markup[:MAX_MARKUP]).encode("utf-8")
    parser = lxml.html.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True, huge_tree=True)
    try:
        return lxml.html.document_fromstring(source, parser=parser)
    except (lxml.etree.ParserError, lxml.etree.XMLSyntaxError):
        return None


def _collect(root: Any, parts: list[str], silent: frozenset[str]) -> None:
    """Walk the tree without recursion: nesting depth is the sender's choice."""
    walk = lxml.etree.iterwalk(root, events=("start", "end"))
    for event, element in walk:
        tag = element.tag
        if event == "start":
            if tag in silent:
                walk.skip_subtree()
                continue
            parts.append(_opening(element, tag))
        else:
            if tag in _BLOCKS:
                parts.append("\n")
            if element is not root and element.tail:
                parts.append(_flowing(element.tail))


def _opening(element: Any, tag: str) -> str:
    start = "\n" if tag in _BLOCKS and tag != "br" else ""
    if tag == "img":
        return element.get("alt") or "" if len(element.get("alt") or "") <= 20 else ""
    return start + _flowing(element.text or "")


def _flowing(text: str) -> str:
    """Line ends inside running text are spaces."""
    return re.sub(r"\s+", " ", text)
