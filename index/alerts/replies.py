"""Draft replies: per language and aspect, from replies.toml and the brand's own `home`/replies.toml.

A draft is text for a person to check and send; the desk warns when it says what only the CRM knows, which is for a
private message. Names come from outside: they are put in literally, in one pass, and a value that looks like
contact data is left out.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from index.documents import Case, Customer
from index.errors import SettingsError
from index.settings import read_toml

OWN_FILE = "replies.toml"
LANGUAGES = ("zh-Hans", "zh-Hant", "en")
KINDS = ("complaint", "praise", "question")
PARTS = ("greeting", "greeting_unknown", "about_order", "closing", "private_closing", "thanks_closing")
PLACES = ("name", "order", "brand")
LONGEST = 40  # characters of a name or an order in a reply
_PLACE = re.compile(r"\{(" + "|".join(PLACES) + r")\}")
_CONTACT = re.compile(r"\d[\d\s\-]{5,}\d|\S@\S")

Texts = Mapping[str, Any]


def load_replies(home: Path) -> Texts:
    """The shipped texts with the brand's own over them. Raises SettingsError with the place of a mistake."""
    shipped = tomllib.loads(resources.files("index.alerts").joinpath("replies.toml").read_text(encoding="utf-8"))
    file = home / OWN_FILE
    if not file.exists():
        return shipped
    own = read_toml(file)
    _check(own, file)
    return {lang: _over(shipped[lang], own.get(lang, {})) for lang in LANGUAGES}


def draft_reply(case: Case, lang: str | None, customer: Customer | None, texts: Texts) -> str:
    """A reply to the author of a case in the language of their mention; other languages get English. Naming a
    customer it is a private message; without one it says what everybody may read."""
    words = texts[language_of(lang)]
    kind = "praise" if case.praise else "question" if case.topic == "question" else "complaint"
    known = _public(customer.name) if customer else None
    name = known or _public(case.author.name if case.author else None)
    order = _public(customer.last_order) if customer else None
    pieces = [words["greeting"] if name else words["greeting_unknown"]]
    if order:
        pieces.append(words["about_order"])
    pieces.append(words[kind].get(case.topic) or words[kind]["default"])
    private = "private_closing" if known or order else "closing"
    pieces.append(words["thanks_closing" if kind == "praise" else private])
    return fill("".join(pieces), {"name": name or "", "order": order or "", "brand": case.brand})


def language_of(lang: str | None) -> str:
    """zh-Hans, zh-Hant or en: the language a mention in `lang` is answered in."""
    name = (lang or "").lower()
    if name.startswith(("zh", "yue")):
        traditional = any(mark in name for mark in ("hant", "tw", "hk", "mo")) or name == "yue"
        return "zh-Hant" if traditional else "zh-Hans"
    return "en"


def fill(text: str, values: Mapping[str, str]) -> str:
    """Put values in for {name}, {order}, {brand}, in one pass: braces inside a value mean nothing."""
    return _PLACE.sub(lambda place: values[place[1]], text)


def _public(value: str | None) -> str | None:
    """A value fit for a public reply: one short line, and never a phone number or an address."""
    if not value or _CONTACT.search(value):
        return None
    plain = " ".join("".join(c if c.isprintable() else " " for c in value).split())
    return plain[:LONGEST] or None


def _over(shipped: Texts, own: Texts) -> dict[str, Any]:
    return {
        key: {**value, **own.get(key, {})} if isinstance(value, dict) else own.get(key, value)
        for key, value in shipped.items()
    }


def _check(own: Texts, file: Path) -> None:
    """Every key must be one that is used: a misspelt one would silently say nothing."""
    for lang, words in own.items():
        if lang not in LANGUAGES or not isinstance(words, dict):
            raise SettingsError(f"{file}: [{lang}] is no language of replies; use {', '.join(LANGUAGES)}.")
        for key, value in words.items():
            if key in KINDS and isinstance(value, dict) and all(isinstance(v, str) for v in value.values()):
                continue
            if key not in PARTS or not isinstance(value, str):
                raise SettingsError(
                    f"{file}: {lang}.{key} is not used. Texts are {', '.join(PARTS)}; tables of texts per topic"
                    f" are {', '.join(KINDS)}."
                )
