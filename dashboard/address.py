"""What the reader chose, kept in the URL: a link shows a colleague the same page, in whatever language.

Streamlit's own binding writes a widget's label into the URL, and labels change with the language. Here the
URL holds our own words: `?sentiment=negative&platform=weibo`. The widgets' keys are the names in the URL.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, NamedTuple

import streamlit as st

from dashboard import words

Value = str | int | date | list[str] | None


class Key(NamedTuple):
    """One choice. `choices`: what may stand in the URL; anything else is as if it were not there.
    `everywhere`: holds on every page and survives a link that does not name it."""

    default: Value = None
    choices: tuple[str, ...] = ()
    everywhere: bool = False


PERIODS = ("24h", "7d", "30d", "90d", "all")
KEYS: dict[str, Key] = {
    "lang": Key(None, ("zh", "en"), everywhere=True),
    "brand": Key("*", everywhere=True),
    "period": Key("30d", PERIODS, everywhere=True),
    "q": Key(""),
    "sentiment": Key([], ("negative", "neutral", "positive", "unsure")),
    "platform": Key([]),
    "aspect": Key([]),
    "polarity": Key("any", ("any", "negative", "neutral", "positive")),
    "intent": Key([]),
    "language": Key([]),
    "reach": Key("any", ("any", "1000", "10000", "100000")),
    "linked": Key("any", ("any", "yes", "no")),
    "spam": Key("hide", ("hide", "show")),
    "since": Key(None),
    "until": Key(None),
    "writer": Key(""),
    "like": Key(""),
    "sort": Key("newest", ("newest", "engagement", "relevance")),
    "page": Key(1),
    "queue": Key("open", ("open", "mine", "replied", "closed", "praise")),
    "case": Key(""),
    "customer": Key(""),
    "find": Key(""),
    "person": Key(""),
}
DATES = ("since", "until")


def read(page: str) -> None:
    """Take over what the URL says; call before any widget is drawn.

    The URL wins when the reader came by a link or went back; otherwise what was chosen before holds.
    """
    state, given = st.session_state, _given()
    moved = state.get("_page") != page
    state["_page"] = page
    if given != state.get("_address") and (given or not moved):
        for name, key in KEYS.items():
            if name in given:
                state[name] = _parsed(name, given[name])
            elif not key.everywhere:
                state[name] = _copy(key.default)
    state["lang"] = state.get("lang") or words.browser_language()
    for name, key in KEYS.items():
        if name not in state:
            state[name] = _copy(key.default)
        else:
            state[name] = state[name]  # keeps the value of a widget that this page does not draw


def write() -> None:
    """Put what is chosen now into the URL; call after the widgets of a page or fragment."""
    wanted = {name: _written(st.session_state.get(name)) for name in KEYS if _is_chosen(name)}
    if wanted != _given():
        foreign = {n: st.query_params.get_all(n) for n in st.query_params if n not in KEYS}
        st.query_params.from_dict({**foreign, **wanted})
    st.session_state["_address"] = wanted


def parse(given: Mapping[str, list[str]]) -> dict[str, Value]:
    """All choices as a URL's parameters say them; what is missing or not allowed is the default."""
    return {name: _parsed(name, given[name]) if name in given else _copy(key.default) for name, key in KEYS.items()}


def chosen() -> dict[str, Any]:
    """Every choice as it is now."""
    return {name: st.session_state[name] for name in KEYS}


def link(**choices: Any) -> dict[str, list[str]]:
    """Query parameters of a link that names these choices, and the ones that hold everywhere."""
    held = {n: st.session_state.get(n) for n, key in KEYS.items() if key.everywhere and _is_chosen(n)}
    return {name: _written(value) for name, value in {**held, **choices}.items() if value not in (None, "", [])}


def choose(**choices: Any) -> None:
    """Set choices from a callback, before the page is drawn again."""
    for name, value in choices.items():
        st.session_state[name] = _copy(KEYS[name].default) if value is None else value


def clear(*names: str) -> None:
    """Back to the defaults."""
    choose(**dict.fromkeys(names))


def _given() -> dict[str, list[str]]:
    return {name: st.query_params.get_all(name) for name in KEYS if name in st.query_params}


def _is_chosen(name: str) -> bool:
    value = st.session_state.get(name)
    if name == "lang" and value == words.browser_language():
        return False  # a link must not force a colleague's browser into this reader's language
    return value is not None and value != KEYS[name].default and value != ""


def _parsed(name: str, raw: list[str]) -> Value:
    key = KEYS[name]
    values = [v for v in dict.fromkeys(raw) if v and (not key.choices or v in key.choices)]
    if isinstance(key.default, list):
        return values
    if not values:
        return _copy(key.default)
    if isinstance(key.default, int):
        return int(values[0]) if values[0].isdecimal() and 0 < int(values[0]) < 10_000 else key.default
    return _date(values[0]) if name in DATES else values[0]


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _written(value: Any) -> list[str]:
    return [str(v) for v in value] if isinstance(value, list | tuple) else [str(value)]


def _copy(value: Value) -> Value:
    return list(value) if isinstance(value, list) else value
