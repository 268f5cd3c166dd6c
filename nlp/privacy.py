"""Masks what identifies a person in a text: phone, e-mail, papers, bank cards, WeChat, QQ, address, name, order.

Masked before a text is stored, so that a leak of the store leaks no contact data. A mask names its kind,
`[phone]`, which reads in Chinese and English text alike. What only looks like contact data stays: prices,
dates, model numbers, hotlines (400, 95xxx), ids in URLs, the address of a shop. The rules are in
nlp/personal_numbers.py and nlp/personal_words.py; docs/privacy.md says how well they do.
"""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

import ahocorasick

from nlp.lexicon import load
from nlp.personal import Found
from nlp.personal_numbers import bank_cards, id_cards, orders, phones
from nlp.personal_words import addresses, emails, names, qqs, wechats


class Contact(NamedTuple):
    """A contact found before masking, in the form customers are matched by: E.164 phone, lower-case e-mail."""

    kind: Literal["phone", "email"]
    value: str


class Masked(NamedTuple):
    """`text` with masks, how many of each kind, and the contacts for exact linking (never store them)."""

    text: str
    counts: dict[str, int]
    contacts: tuple[Contact, ...]


# Where two rules claim the same characters, the earlier one has them.
RULES: tuple[Callable[[str], Iterator[Found]], ...] = (
    emails,
    orders,
    id_cards,
    bank_cards,
    phones,
    wechats,
    qqs,
    addresses,
    names,
)

# Full-width forms to half-width, odd blanks and dashes between digits to plain ones, one for one: a place in the
# shadow is the same place in the text.
_HALF_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}
_BLANKS = dict.fromkeys((0xA0, *range(0x2000, 0x200B), 0x202F, 0x205F), 0x20)
_SHADOW = _HALF_WIDTH | _BLANKS
_ODD = re.compile("[！-～\u3000\u00a0\u2000-\u200a\u202f\u205f]")
_DASH = re.compile("[\u2010-\u2015\u2212](?<=[0-9].)(?=[0-9])")
# They take no room: left out of the shadow, and its places are counted back.
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]")

# Whatever the rules match holds one of these, in small letters and half width; most posts hold none and leave at
# once. Each pattern begins with a set of characters, which is what makes its search fast.
_DIGITS = re.compile(r"[0-9](?:[0-9]{4}|[0-9]{1,2}[)\s.\-]{1,2}[0-9]{2}|(?: [0-9]){6})")
_AT = re.compile(r"[0-9a-z_]@[0-9a-z]|[(\[][a艾]")
_NUMERALS = re.compile(r"[一幺壹](?:[ \-]?[零〇一二三四五六七八九幺壹贰叁肆伍陆柒捌玖]){10}")
_STREET = re.compile(
    r"[0-9][a-z]? [\w.' ]{2,60} (?:st|street|rd|road|ave|avenue|ln|lane|dr|drive|blvd|boulevard|ct|court)\b"
)
_FLAT = re.compile(r"[0-9a-z]\s?(?:[栋棟幢座弄]|[号號楼樓层層]\s?[0-9a-z])")


def mask(text: str) -> Masked:
    """Mask personal data in `text`. Total, linear in its length; masking twice changes nothing more."""
    found = find(text)
    return _replace(text, found) if found else Masked(text, {}, ())


def find(text: str) -> list[Found]:
    """The personal data in `text`, in order, without overlap."""
    if _INVISIBLE.search(text):
        return _find_between_invisible(text)
    shadow = _DASH.sub("-", text.translate(_SHADOW) if _ODD.search(text) else text)
    if not _suspicious(shadow.lower()):
        return []
    found: list[Found] = []
    taken = bytearray(len(text))
    for rule in RULES:
        for one in rule(shadow):
            for part in _untaken(one, shadow, taken):
                taken[part.start : part.end] = b"\x01" * (part.end - part.start)
                found.append(part)
    return sorted(found)


def _find_between_invisible(text: str) -> list[Found]:
    places = [at for at, char in enumerate(text) if not _INVISIBLE.match(char)]
    visible = "".join(text[at] for at in places)
    return [one._replace(start=places[one.start], end=places[one.end - 1] + 1) for one in find(visible)]


def _untaken(one: Found, text: str, taken: bytearray) -> list[Found]:
    """It, unless an earlier rule has some of it. An address that holds a phone is still one on both sides of it."""
    if not any(taken[one.start : one.end]):
        return [one]
    if one.kind != "address":
        return []
    free = "".join("\0" if taken[at] else text[at] for at in range(one.start, one.end))
    return [
        Found(one.start + m.start(), one.start + m.end(), "address") for m in re.finditer(r"\w[^\0]*(?<=\w)", free)
    ]


def _suspicious(text: str) -> bool:
    return (
        _DIGITS.search(text) is not None
        or next(_announcing().iter(text), None) is not None
        or _AT.search(text) is not None
        or _NUMERALS.search(text) is not None
        or _STREET.search(text) is not None
        or _FLAT.search(text) is not None
    )


@functools.cache
def _announcing() -> ahocorasick.Automaton:
    automaton = ahocorasick.Automaton()
    for word in (*load("privacy")["announcing"].splitlines(), "recipient "):
        if word:
            automaton.add_word(word, word)
    automaton.make_automaton()
    return automaton


def _replace(text: str, found: list[Found]) -> Masked:
    pieces, at = [], 0
    for one in found:
        pieces += [text[at : one.start], f"[{one.kind.replace('_', ' ')}]"]
        at = one.end
    contacts = [Contact(o.kind, o.contact) for o in found if o.contact and o.kind in ("phone", "email")]
    counts: dict[str, int] = dict(Counter(str(o.kind) for o in found))
    return Masked("".join([*pieces, text[at:]]), counts, tuple(dict.fromkeys(contacts)))
