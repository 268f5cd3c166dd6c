"""What the rules that find personal data share: what they yield, the word lists, what stands around a number.

The rules are in nlp/personal_numbers.py and nlp/personal_words.py; nlp/privacy.py masks what they find. Every
pattern is linear: each repetition is bounded, and a long run is entered only at its beginning.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from nlp.lexicon import load

Kind = Literal["phone", "email", "id_card", "bank_card", "wechat", "qq", "address", "name", "order"]


class Found(NamedTuple):
    """Characters [start, end) of the text are personal data. `contact`: the form to match customers by."""

    start: int
    end: int
    kind: Kind
    contact: str | None = None


LISTS = {name: tuple(words.split()) for name, words in load("privacy").items()}
HAN = "\u4e00-\u9fff"

# --- what stands around a number says whose it is

_THINGS = "|".join(re.escape(word) for word in LISTS["things"])
_AFTER_THING = re.compile(
    rf"(?:{_THINGS})(?:号码?|號碼?|是|为|尾号|number|no\.?|num)?\s?[:#=是为]?\s?[a-z\-]{{0,4}}$", re.I
)
BEFORE_UNIT = re.compile(rf"\s?(?:{'|'.join(LISTS['units'])}|\+)", re.I)
_URL = re.compile(
    r"(?:https?://|www\.|[a-z0-9\-]{1,63}\.(?:com|cn|net|org|tv|me|io)/)[^\s，。！？、；）】》」]{0,2000}$", re.I
)
_MONEY = tuple("¥$€£￥")
_NUMBERED = "|".join(LISTS["numbered"])
_COUNTED = re.compile(rf"(?:第|[破超近约約共达達]|超过|达到|(?:{_NUMBERED})(?:号码?|號碼?|码|碼)?[:=是为]?)\s?$")


def a_thing(text: str, start: int, end: int) -> bool:
    """Whether the number at [start, end) is an amount, the number of a thing, or part of a URL."""
    before = text[max(0, start - 24) : start]
    return (
        before.rstrip().endswith(_MONEY)
        or _COUNTED.search(before) is not None
        or _AFTER_THING.search(before) is not None
        or BEFORE_UNIT.match(text, end) is not None
        or in_url(text, start)
    )


def in_url(text: str, start: int) -> bool:
    line = text[max(0, start - 300) : start]
    word = line[max(line.rfind(" "), line.rfind("\n")) + 1 :]
    return ("/" in word or "www." in word) and _URL.search(word) is not None
