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


def _any_of(words: tuple[str, ...]) -> str:
    """Any of the words; one of Latin letters only where a word begins: "part" is not in "apartment"."""
    return "|".join(
        rf"(?<![a-z]){re.escape(w)}" if w[0].isascii() and w[0].isalpha() else re.escape(w) for w in words
    )


# --- the number of a thing

# They say that a number comes, not whose: "call my number".
_ANY_NUMBER = frozenset({"number", "no."})
# Before a phone they are a place where somebody is reached, or the sign of a topic.
_PLACES = frozenset({"微博", "帖子", "视频", "豆瓣", "快递", "快遞", "物流", "#"})
_THINGS = (*(thing for thing in LISTS["things"] if thing not in _ANY_NUMBER), "serial")


def _after(things: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(
        rf"(?:{_any_of(things)})\s?(?:号码?|號碼?|是|为|尾号|number|no\.?|num)?\s?[:#=是为]?\s?[a-z\-]{{0,4}}$",
        re.I,
    )


_AFTER_THING = _after(_THINGS)
_AFTER_SURE_THING = _after(tuple(thing for thing in _THINGS if thing not in _PLACES))
_NUMBERED = "|".join(LISTS["numbered"])
_COUNTED = re.compile(rf"(?:第|(?:{_NUMBERED})(?:号码?|號碼?|码|碼)?[:=是为]?)\s?$")
_TOPIC, _NUMBER_IN_TOPIC = re.compile(r"#\s?$"), re.compile("[号號](?![码碼])")

# --- an amount

_MONEY_BEFORE = re.compile(r"(?<!\d)[¥$€£￥]\s?$")
_ABOUT = re.compile(r"(?:(?<!预)约|約|(?<![附最])近|[破超共达達]|超过|达到)\s?$")
_MONEY = ("元", "块", "圆", "円", "人民币", "日元", "美元", "港币", "港元", "台币")
_LATIN = tuple(unit for unit in LISTS["units"] if unit.isascii())
_HAN_UNITS = tuple(unit for unit in LISTS["units"] if not unit.isascii() and unit not in _MONEY)
_UNIT = re.compile(
    rf"\s?[多余]?(?:[万萬亿億]?(?:{'|'.join(_MONEY)})|(?:{'|'.join(_LATIN)})(?![a-z])"
    rf"|(?P<doubtful>(?:{'|'.join(_HAN_UNITS)})[{HAN}]|\+)|(?:{'|'.join(_HAN_UNITS)}))",
    re.I,
)
_LONGEST_AMOUNT = 14  # digits
_MOBILE = re.compile(r"1[3-9]\d{9}", re.A)


def a_thing(text: str, start: int, end: int) -> bool:
    """Whether the number at [start, end) is an amount, the number of a thing, or part of a URL."""
    before = text[max(0, start - 24) : start]
    thing = _AFTER_SURE_THING if _surely_a_phone(text[start:end]) else _AFTER_THING
    return (
        _COUNTED.search(before) is not None
        or thing.search(before) is not None
        or (_TOPIC.search(before) is not None and _NUMBER_IN_TOPIC.match(text, end) is not None)
        or an_amount(text, start, end)
        or in_url(text, start)
    )


def an_amount(text: str, start: int, end: int) -> bool:
    """Whether the number at [start, end) counts something: money before it, or a unit after it.

    A unit that goes on as a word, 人 of 人民路, counts only after a number that people count to: short or round.
    """
    number = text[start:end]
    mobile = _MOBILE.fullmatch(number) is not None
    if len(number) > _LONGEST_AMOUNT or (_surely_a_phone(number) and not mobile):
        return False
    round_number = number.endswith("000000" if mobile else "000") or len(number) <= 6
    before = text[max(0, start - 4) : start]
    if _MONEY_BEFORE.search(before) or (_ABOUT.search(before) and (round_number or not mobile)):
        return True
    unit = _UNIT.match(text, end)
    return unit is not None and (round_number or not unit["doubtful"])


def _surely_a_phone(number: str) -> bool:
    """Nobody counts in numbers with a leading 0, + or bracket, and seldom in those of a mobile."""
    return number[0] in "+(0" or _MOBILE.fullmatch(re.sub("[ .-]", "", number)) is not None


# ASCII only: a Chinese text often goes on right after an address. The shadow text has ，as a comma.
_URL = re.compile(
    r"(?:https?://|www\.|[a-z0-9\-]{1,63}\.(?:com|cn|net|org|tv|me|io)/)[#-&*+\--:=?-~]{0,300}$", re.I
)


def in_url(text: str, start: int) -> bool:
    line = text[max(0, start - 300) : start]
    word = line[max(line.rfind(" "), line.rfind("\n")) + 1 :]
    return ("/" in word or "www." in word) and _URL.search(word) is not None
