"""Rules that find personal data in a text, one a kind. nlp/privacy.py masks what they find.

Every pattern is linear: each repetition is bounded, and a long run is entered only at its beginning.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

from nlp.lexicon import load

Kind = Literal["phone", "email", "id_card", "bank_card", "wechat", "qq", "address", "name"]


class Found(NamedTuple):
    """Characters [start, end) of the text are personal data. `contact`: the form to match customers by."""

    start: int
    end: int
    kind: Kind
    contact: str | None = None


_LISTS = {name: tuple(words.split()) for name, words in load("privacy").items()}
_SURNAMES = frozenset("".join(_LISTS["surnames"]))
_ROLES = frozenset(_LISTS["roles"])
_FILES = frozenset(_LISTS["file_endings"])  # icon@2x.png is no address
_HAN = "\u4e00-\u9fff"
_DIGIT_WORDS = "零〇一二三四五六七八九幺壹贰叁肆伍陆柒捌玖"
_DIGIT_OF_WORD = str.maketrans(_DIGIT_WORDS, "00123456789" + "1123456789")

# --- what stands around a number says whose it is

_THINGS = "|".join(re.escape(word) for word in _LISTS["things"])
_AFTER_THING = re.compile(
    rf"(?:{_THINGS})(?:号码?|號碼?|是|为|尾号|number|no\.?|num)?\s?[:#=是为]?\s?[a-z\-]{{0,4}}$", re.I
)
_BEFORE_UNIT = re.compile(rf"\s?(?:{'|'.join(_LISTS['units'])}|\+)", re.I)
_URL = re.compile(
    r"(?:https?://|www\.|[a-z0-9\-]{1,63}\.(?:com|cn|net|org|tv|me|io)/)[^\s，。！？、；）】》」]{0,2000}$", re.I
)
_MONEY = tuple("¥$€£￥")


def _a_thing(text: str, start: int, end: int) -> bool:
    """Whether the number at [start, end) is an amount, the number of a thing, or part of a URL."""
    before = text[max(0, start - 24) : start]
    return (
        before.rstrip().endswith(_MONEY)
        or _AFTER_THING.search(before) is not None
        or _BEFORE_UNIT.match(text, end) is not None
        or _in_url(text, start)
    )


def _in_url(text: str, start: int) -> bool:
    line = text[max(0, start - 300) : start]
    word = line[max(line.rfind(" "), line.rfind("\n")) + 1 :]
    return ("/" in word or "www." in word) and _URL.search(word) is not None


# --- the rules, each yields what it finds in the shadow of the text

_EMAIL = re.compile(
    r"(?<![\w.+\-@])[\w.+\-]{1,64}@((?:[a-z0-9\-]{1,63}\.){1,4}([a-z]{2,10}))(?![\w@])", re.I | re.A
)
_EMAIL_SPELT = re.compile(
    r"(?<![\w.+\-@])([\w.+\-]{3,64}) ?[(\[](?:at|a|艾特)[)\]] ?"
    r"(gmail|qq|163|126|outlook|hotmail|yahoo|icloud|foxmail)"
    r" ?(?:\.|[(\[](?:dot|点)[)\]]) ?(com|cn|net)",
    re.I | re.A,
)


def _emails(text: str) -> Iterator[Found]:
    if "@" in text:
        for m in _EMAIL.finditer(text):
            if m[2].lower() not in _FILES:
                yield Found(m.start(), m.end(), "email", m[0].lower())
    if "(" in text or "[" in text:
        for m in _EMAIL_SPELT.finditer(text):
            yield Found(m.start(), m.end(), "email", f"{m[1]}@{m[2]}.{m[3]}".lower())


# GB 11643: region, birth date, serial, check character (ISO 7064 MOD 11-2).
_ID_CARD = re.compile(
    r"(?<![\dA-Za-z])[1-9]\d{5}(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dXx](?![\dA-Za-z])", re.A
)
_ID_NAMED = re.compile(
    r"(?:身[份分][证證](?:字号|字號)?|护照|護照|通行证|HKID|passport)(?:号码?|號碼?|\s?no\.?|\s?number)?"
    r"\s?[:是为]?\s{0,2}(?:is )?(?P<id>[A-Z]{0,2}\d{6,17}[\dXx]?(?:\([\dA]\))?)(?![\dA-Za-z])",
    re.I | re.A,
)


def _id_cards(text: str) -> Iterator[Found]:
    for m in _ID_CARD.finditer(text):
        if _mod_11_2(m[0]):
            yield Found(m.start(), m.end(), "id_card")
    for m in _ID_NAMED.finditer(text):
        yield Found(m.start("id"), m.end("id"), "id_card")


def _mod_11_2(number: str) -> bool:
    total = sum(int(digit) * 2 ** (17 - place) for place, digit in enumerate(number[:17]))
    return "10X98765432"[total % 11] == number[17].upper()


_BANK_CARD = re.compile(r"(?<![\d.\-])\d(?:[ \-]?\d){15,18}(?![\d]|\.\d)", re.A)
_BANK_WORD = re.compile(r"卡|账|帐|賬|帳|收款|转|轉|汇|card|account|iban", re.I)


def _bank_cards(text: str) -> Iterator[Found]:
    for m in _BANK_CARD.finditer(text):
        digits = re.sub(r"\D", "", m[0])
        said = _BANK_WORD.search(text, max(0, m.start() - 16), m.start()) is not None
        # Without a word for it only UnionPay, or digits in groups of four: a post id passes Luhn one time in ten.
        looks = digits.startswith("62") or (m[0][4] in " -" and digits[0] in "3456")
        if (said or looks) and _luhn(digits) and not _a_thing(text, m.start(), m.end()):
            yield Found(m.start(), m.end(), "bank_card")


def _luhn(digits: str) -> bool:
    doubled = [int(d) * (1 + place % 2) for place, d in enumerate(reversed(digits))]
    return sum(n - 9 if n > 9 else n for n in doubled) % 10 == 0


_MOBILE = re.compile(
    r"(?<![\d.])(?<!\d-)(?:(?:\+|00)?86[ \-]?)?(1[3-9]\d)[ \-]?(\d{4})[ \-]?(\d{4})(?!\d|\.\d)", re.A
)
_LANDLINE = re.compile(r"(?<![\d.\-])\(?0(10|2\d|[3-9]\d\d)(?:\) ?|[ \-])(\d{7,8})(?![\d\-])", re.A)
_TAIWAN = re.compile(r"(?<![\d.\-])(?:\+?886[ \-]?0?|0)(9\d\d)([ \-]?)(\d{3})\2(\d{3})(?![\d\-])", re.A)
_NORTH_AMERICA = re.compile(
    r"(?<![\d.$\-])(?:\+?1[ .\-])?\(?([2-9]\d\d)\)?[ .\-]{1,2}([2-9]\d\d)[ .\-](\d{4})(?![\d\-])", re.A
)
_ABROAD = re.compile(r"(?<![\w+])(?<!\d[ \-])(?:\+|00)(?!86)[1-9](?:[ .\-]?\(?\d\)?){8,14}(?!\d)", re.A)
_TOLL_FREE = frozenset({"400", "800", "888", "877", "866", "855", "844", "833"})  # a company's, not a person's
_PHONE_NAMED = re.compile(
    r"(?:电话|電話|手机|手機|致电|whatsapp|phone|tel|mobile|call me|text me|call or text)"
    r"(?:号码?|號碼?| number| no\.?)?(?: is| at| on)?\s{0,2}[:是为]?\s{0,2}"
    r"(?P<n>\d{2,4}(?:[ \-]?\d{2,5}){1,3})(?!\d|\.\d)",
    re.I | re.A,
)
_MOBILE_IN_WORDS = re.compile(
    f"(?<![{_DIGIT_WORDS}])[一幺壹][三四五六七八九叁肆伍陆柒捌玖][{_DIGIT_WORDS}]{{9}}(?![{_DIGIT_WORDS}])"
)


def _phones(text: str) -> Iterator[Found]:
    for one in _numbers(text):
        if not _a_thing(text, one.start, one.end):
            yield one


def _numbers(text: str) -> Iterator[Found]:
    for m in _MOBILE.finditer(text):
        yield Found(m.start(), m.end(), "phone", f"+86{m[1]}{m[2]}{m[3]}")
    for m in _ABROAD.finditer(text):
        yield Found(m.start(), m.end(), "phone", "+" + re.sub(r"\D", "", m[0]).removeprefix("00"))
    for m in _TAIWAN.finditer(text):
        yield Found(m.start(), m.end(), "phone", f"+886{m[1]}{m[3]}{m[4]}")
    for m in _LANDLINE.finditer(text):
        yield Found(m.start(), m.end(), "phone", f"+86{m[1]}{m[2]}")
    for m in _NORTH_AMERICA.finditer(text):
        if m[1] not in _TOLL_FREE:
            yield Found(m.start(), m.end(), "phone", f"+1{m[1]}{m[2]}{m[3]}")
    for m in _PHONE_NAMED.finditer(text):
        digits = re.sub(r"\D", "", m["n"])
        if 7 <= len(digits) <= 13 and digits[:3] not in _TOLL_FREE and not digits.startswith("95"):
            yield Found(m.start("n"), m.end("n"), "phone")
    for m in _MOBILE_IN_WORDS.finditer(text):
        yield Found(m.start(), m.end(), "phone", "+86" + m[0].translate(_DIGIT_OF_WORD))


_WECHAT = re.compile(
    r"(?P<add>[加➕+](?:我|个|一下|下)?)?"
    r"(?:微信|薇信|威信|卫星号|绿泡泡|(?<=[加➕+])微|we ?chat|weixin"
    r"|(?<![a-z0-9])(?:wx|vx|v信|v(?=[:+])|(?<=[加➕])v))"
    r"(?P<said>号码?|號碼?|\s?id|同号)?\s{0,2}(?P<sep>[:=+]|是|为)?\s{0,2}"
    r"(?P<id>[a-z][a-z0-9_\-]{5,19}|[1-9]\d{4,10})(?![a-z0-9_\-.@/])",
    re.I | re.A,
)
_WXID = re.compile(r"(?<![a-z0-9])wxid_[a-z0-9]{6,20}", re.I | re.A)


def _wechats(text: str) -> Iterator[Found]:
    for m in _WXID.finditer(text):
        yield Found(m.start(), m.end(), "wechat")
    for m in _WECHAT.finditer(text):
        announced = m["add"] or m["said"] or m["sep"] or any(c in "0123456789_" for c in m["id"])
        if announced and not _BEFORE_UNIT.match(text, m.end()):
            yield Found(m.start("id"), m.end("id"), "wechat")


_QQ = re.compile(
    r"(?<![a-z])(?:qq|扣扣|企鹅|q(?=群|[:+]))(?:号码?|號碼?|群)?(?:号|號)?\s{0,2}[:是为加+]?\s{0,2}"
    r"(?P<id>[1-9]\d{4,10})(?!\d)",
    re.I | re.A,
)


def _qqs(text: str) -> Iterator[Found]:
    for m in _QQ.finditer(text):
        if not _BEFORE_UNIT.match(text, m.end()):
            yield Found(m.start("id"), m.end("id"), "qq")


# The address of a shop is public and stays. A person's has a flat number, or is said to be one's own.
_BUILDING = r"\d{1,4}\s?(?:号楼|號樓|栋|棟|幢|座|弄|号|號)\s?"
_FLAT = re.compile(
    rf"(?:{_BUILDING}){{1,2}}(?:[\d一二三四五六]{{1,2}}\s?[单單]元\s?)?(?:\d{{1,2}}[楼樓层層]\s?)?"
    r"[A-Za-z]?\d{2,4}\s?(?:室|号房|房|户)"
    r"|\d{1,4}[\-－]\d{1,3}[\-－]\d{2,4}\s?室|\d{1,2}\s?[单單]元\s?\d{2,4}\s?(?:室|号|號)?",
    re.A,
)
_OWN = re.compile(
    r"(?:(?:收货|收貨|收件|邮寄|寄件|家庭|配送|我家|我的|现住)地址|住址|家住|我住在?|住在|寄[到去给]|快递到|送货到|送貨到|发到)"
    rf"[\s:是在]{{0,3}}(?P<place>[{_HAN}A-Za-z0-9\-－() ]{{4,50}})"
)
_PLACE = re.compile(
    rf"[路街道巷弄村镇鎮区區苑園园里][{_HAN}A-Za-z]{{0,12}}\d{{1,5}}\s?(?:号|號|栋|棟|幢|座|弄|室|楼|樓|-\d)"
    r"(?:\d{1,3}\s?[楼樓层層室])?",
    re.A,
)
_ADDRESS_EN = re.compile(
    r"(?:(?P<own>my (?:home )?address(?: is)?|live (?:at|on)|living at"
    r"|(?:ship|deliver|mail|send)(?:ped|ed)? (?:it |them )?to)[:\s]{1,3})?"
    r"(?P<place>(?<![\w.$])\d{1,5} (?:[A-Za-z0-9.']{1,20} ){1,4}"
    r"(?:street|st|road|rd|avenue|ave|lane|ln|drive|dr|boulevard|blvd|court|ct)\b\.?"
    r"(?P<flat>,? (?:apt|apartment|unit|flat|#)\.? ?[\w\-]{1,6})?)",
    re.I | re.A,
)


def _addresses(text: str) -> Iterator[Found]:
    for m in _OWN.finditer(text):
        place = _PLACE.search(m["place"])
        if place and not _FLAT.search(text, m.start("place"), m.end("place")):
            yield Found(m.start("place"), m.start("place") + place.end(), "address")
    for m in _FLAT.finditer(text):
        start = _address_start(text, m.start())
        if m.start() - start >= 2:  # a flat number without a place before it says nothing
            yield Found(start, m.end(), "address")
    for m in _ADDRESS_EN.finditer(text):
        if m["own"] or m["flat"]:
            yield Found(m.start("place"), m.end("place"), "address")


_LEAD = re.compile(rf"[{_HAN}\dA-Za-z]{{0,28}}$", re.A)
_LEAD_WORD = re.compile(r"住在|寄到|寄去|寄给|送到|发到|我住|家住|住址|地址|位于|就在|[在到是]")


def _address_start(text: str, end: int) -> int:
    lead = _LEAD.search(text[max(0, end - 28) : end])
    words = lead[0] if lead else ""
    cut = max((m.end() for m in _LEAD_WORD.finditer(words)), default=0)
    return end - len(words) + cut


_NAME = re.compile(
    rf"(?:收[件货貨]人|[联聯][系絡繫]人|姓名)(?:姓名)?(?P<sep>\s?[:：]\s?|是|\s)(?P<name>[{_HAN}·]{{2,4}}?)"
    rf"(?=[^{_HAN}·]|$|先生|女士|小姐|电话|電話|手机|手機|地址|联系|微信|住址)"
)
_NAME_EN = re.compile(
    r"(?:[Rr]ecipient|[Cc]onsignee|[Cc]ontact(?: name| person)?|A(?:ttn|TTN)|[Ff]ull name)\s?:\s?"
    r"(?P<name>[A-Z][A-Za-z'\-]{1,20}(?: [A-Z][A-Za-z'\-]{1,20}){1,2})"
)


def _names(text: str) -> Iterator[Found]:
    for m in _NAME.finditer(text):
        if m["name"] not in _ROLES and (":" in m["sep"] or m["name"][0] in _SURNAMES):
            yield Found(m.start("name"), m.end("name"), "name")
    for m in _NAME_EN.finditer(text):
        yield Found(m.start("name"), m.end("name"), "name")


# Where two rules claim the same characters, the earlier one has them.
RULES: tuple[Callable[[str], Iterator[Found]], ...] = (
    _emails,
    _id_cards,
    _bank_cards,
    _phones,
    _wechats,
    _qqs,
    _addresses,
    _names,
)
