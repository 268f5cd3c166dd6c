"""Rules for numbers: phones, identity papers, bank cards and accounts, orders and parcels."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nlp import checksums
from nlp.personal import BEFORE_UNIT, LISTS, Found, a_thing, in_url

_DIGIT_WORDS = "零〇一二三四五六七八九幺壹贰叁肆伍陆柒捌玖"
_DIGIT_OF_WORD = str.maketrans(_DIGIT_WORDS, "00123456789" + "1123456789")

# --- orders and parcels: with the number anybody learns the address

_COURIERS = "|".join(LISTS["couriers"])
_ORDER = re.compile(
    r"(?:(?:订单|訂單|单|單)(?:号码?|號碼?|编号|編號)|(?:订单|訂單|[运運]单号?|[运運]單號?)"
    rf"|(?P<courier>(?:{_COURIERS})(?:快递|快遞)?(?:单号|單號)?)"
    r"|(?<![a-z])(?:order|tracking|waybill|invoice)(?: (?:number|no\.?|id|nr\.?|code))?)"
    r"(?:是|为|係| is)?\s?[:#]?\s?"
    r"(?P<id>#?[a-z]{0,4}-?\d[\da-z]{0,24}(?:-[\da-z]{1,20}){0,4})(?![\da-z]|\.\d)",
    re.I | re.A,
)
LEAST_ORDER, LEAST_PARCEL = 6, 10  # digits


def orders(text: str) -> Iterator[Found]:
    for m in _ORDER.finditer(text):
        digits = sum(map(str.isdigit, m["id"]))
        if digits >= (LEAST_PARCEL if m["courier"] else LEAST_ORDER) and not BEFORE_UNIT.match(text, m.end()):
            yield Found(m.start("id"), m.end("id"), "order")


# --- identity papers: with a right check digit they need no word before them

_CHINA_ID = re.compile(
    r"(?<![\dA-Za-z])[1-9]\d{5}[ \-]?(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])[ \-]?"
    r"\d{3}[\dXx](?![\dA-Za-z])",
    re.A,
)
_TAIWAN_ID = re.compile(r"(?<![\dA-Za-z])[A-Z][1289]\d{8}(?![\dA-Za-z])", re.A)
_HONG_KONG_ID = re.compile(r"(?<![\dA-Za-z])[A-Z]{1,2}\d{6} ?\([\dA]\)", re.A)
_ID_NAMED = re.compile(
    r"(?:身[份分][证證](?:字号|字號)?|护照|護照|通行[证證]|回[乡鄉][证證]|台胞[证證]|居留[证證]|(?<![a-z])HKID|passport|"
    r"identity card|(?<![a-z])ID card)(?:号码?|號碼?|\s?no\.?|\s?number)?"
    r"\s?[:是为係]?\s{0,2}(?:is )?(?P<id>[A-Z]{0,3}\d{6,17}[\dA-Z]?(?: ?\([\dA]\))?)(?![\dA-Za-z])",
    re.I | re.A,
)
_SOCIAL = re.compile(
    r"(?:(?<![a-z])SSN|social security(?: number| no\.?)?)(?: is)?\s?[:#]?\s?"
    r"(?P<id>\d{3}[ \-]?\d\d[ \-]?\d{4})(?!\d)"
    r"|(?:(?<![a-z])NI(?: number| no\.?)|national insurance(?: number| no\.?)?)(?: is)?\s?:?\s?"
    r"(?P<ni>[A-Z]{2} ?\d\d ?\d\d ?\d\d ?[A-D])(?![\dA-Za-z])",
    re.I | re.A,
)


def id_cards(text: str) -> Iterator[Found]:
    for pattern, is_right in (
        (_CHINA_ID, checksums.china_id),
        (_TAIWAN_ID, checksums.taiwan_id),
        (_HONG_KONG_ID, checksums.hong_kong_id),
    ):
        for m in pattern.finditer(text):
            if is_right(re.sub(r"[^0-9A-Za-z]", "", m[0])):
                yield Found(m.start(), m.end(), "id_card")
    for pattern in (_ID_NAMED, _SOCIAL):
        for m in pattern.finditer(text):
            yield Found(*m.span(m.lastgroup or "id"), "id_card")


# --- bank cards and accounts

_BANK_CARD = re.compile(r"(?<![\d.\-])\d(?:[ \-]?\d){14,18}(?![\d]|\.\d)", re.A)
_BANK_WORD = re.compile(
    r"卡|账|帐|賬|帳|收款|打款|户|戶|转|轉|汇|匯|行|card|visa|account|konto|amex|iban|refund to", re.I
)
_IBAN = re.compile(r"(?<![\dA-Za-z])[A-Z]{2}\d\d(?: ?[A-Z\d]{4}){2,7}(?: ?[A-Z\d]{1,3})?(?![\dA-Za-z])", re.A)
_NO_CARD = re.compile(r"sku|条码|條碼|[单單]|order|mid|id", re.I)


def bank_cards(text: str) -> Iterator[Found]:
    for m in _BANK_CARD.finditer(text):
        digits = re.sub(r"\D", "", m[0])
        before = text[max(0, m.start() - 16) : m.start()]
        said = _BANK_WORD.search(before) is not None and not _NO_CARD.search(before)
        # Without a word for it only UnionPay, or digits in groups of four: a post id passes Luhn one time in ten.
        looks = digits.startswith("62") or (m[0][4] in " -" and digits[0] in "3456")
        alone = not in_url(text, m.start()) and not BEFORE_UNIT.match(text, m.end())
        if checksums.luhn(digits) and alone and (said or (looks and not a_thing(text, m.start(), m.end()))):
            yield Found(m.start(), m.end(), "bank_card")
    for m in _IBAN.finditer(text):
        if checksums.iban(m[0]):
            yield Found(m.start(), m.end(), "bank_card")


# --- phones

_MOBILE = re.compile(
    r"(?<![\d.])(?<!\d-)(?:(?:\+|00)?86[ \-]?)?(1[3-9]\d)[ .\-]?(\d{4})[ .\-]?(\d{4})(?!\d|\.\d)", re.A
)
_MOBILE_SPACED = re.compile(r"(?<!\d)(?<!\d )1 [3-9](?: \d){9}(?! ?\d)", re.A)
_WORD = f"[{_DIGIT_WORDS}]"
_MOBILE_IN_WORDS = re.compile(
    rf"(?<!{_WORD})[一幺壹][三四五六七八九叁肆伍陆柒捌玖]{_WORD}[ \-]?{_WORD}{{4}}[ \-]?{_WORD}{{4}}(?!{_WORD})"
)
_CHINA = r"(?<![\d.\-])(?:\+|00)86[ \-]?(?:\(?0\)?)?\(?"
_AREA = r"(10|2\d|[3-9]\d\d)(?:\) ?|[ \-])"
_LANDLINE = re.compile(rf"(?:{_CHINA}|(?<![\d.\-])\(?0){_AREA}(\d{{7,8}})(?:-\d{{1,4}})?(?![\d\-])", re.A)
_LANDLINE_SPACED = re.compile(rf"{_CHINA}{_AREA}(\d{{3,4}})[ \-](\d{{4}})(?![\d\-])", re.A)
_TAIWAN = re.compile(r"(?<![\d.\-])(?:\+?886[ \-]?0?|0)(9\d\d)([ \-]?)(\d{3})\2(\d{3})(?![\d\-])", re.A)
_TAIWAN_LANDLINE = re.compile(r"(?<![\d.\-])(?:\(0([2-8])\) ?|0([2-8])-)(\d{3,4})-?(\d{4})(?![\d\-])", re.A)
_HONG_KONG = re.compile(r"(?<![\w+.\-])(?:\+|00)?(85[23])[ \-]?([2-9]\d{3})[ \-]?(\d{4})(?![\d\-])", re.A)
_UNITED_KINGDOM = re.compile(
    r"(?<![\d.\-])\(?0(7\d{3}\)? ?\d{3} ?\d{3}|20\)? ?\d{4} ?\d{4}|1\d1\)? \d{3} \d{4}|11\d\)? \d{3} \d{4}"
    r"|1\d{3}\)? \d{5,6})(?![\d\-])",
    re.A,
)
_NORTH_AMERICA = re.compile(
    r"(?<![\d.$\-])(?:\+?1[ .\-])?\(?([2-9]\d\d)\)?[ .\-]{1,2}([2-9]\d\d)[ .\-](\d{4})(?![\d\-])", re.A
)
_ABROAD = re.compile(r"(?<![\w+])(?<!\d[ \-])(?:\+|00)(?!86)[1-9](?:[ .\-]{0,2}\(?\d\)?){8,14}(?!\d)", re.A)
_TOLL_FREE = frozenset({"400", "800", "888", "877", "866", "855", "844", "833"})  # a company's, not a person's
_NAMED = re.compile(
    r"(?:电话|電話|手机|手機|门号|門號|致电|师傅|座机|whatsapp|phone|(?<![a-z])tel|mobile|call me|text me"
    r"|call or text)"
    r"(?:号码?|號碼?| number| no\.?)?(?: is| at| on)?\s{0,2}[:是为.]?\s{0,2}"
    r"(?P<n>\d{2,4}(?:[ \-]?\d{2,5}){1,3})(?!\d|\.\d)",
    re.I | re.A,
)


def phones(text: str) -> Iterator[Found]:
    for one in _numbers(text):
        if not a_thing(text, one.start, one.end):
            yield one


def _numbers(text: str) -> Iterator[Found]:
    yield from _mobiles(text)
    yield from _abroad(text)
    yield from _said(text)


def _mobiles(text: str) -> Iterator[Found]:
    for m in _MOBILE.finditer(text):
        yield Found(m.start(), m.end(), "phone", f"+86{m[1]}{m[2]}{m[3]}")
    for m in _MOBILE_SPACED.finditer(text):
        yield Found(m.start(), m.end(), "phone", "+86" + m[0].replace(" ", ""))
    for m in _MOBILE_IN_WORDS.finditer(text):
        yield Found(m.start(), m.end(), "phone", "+86" + re.sub("[ -]", "", m[0]).translate(_DIGIT_OF_WORD))


def _abroad(text: str) -> Iterator[Found]:
    for m in _ABROAD.finditer(text):
        digits = re.sub(r"\D", "", m[0]).removeprefix("00")
        if not (digits.startswith("1") and digits[1:4] in _TOLL_FREE):
            yield Found(m.start(), m.end(), "phone", "+" + digits)
    for pattern, country in _AREAS:
        for m in pattern.finditer(text):
            yield Found(m.start(), m.end(), "phone", country + re.sub(r"\D", "", "".join(filter(None, m.groups()))))
    for m in _NORTH_AMERICA.finditer(text):
        if m[1] not in _TOLL_FREE:
            yield Found(m.start(), m.end(), "phone", f"+1{m[1]}{m[2]}{m[3]}")


def _said(text: str) -> Iterator[Found]:
    for m in _NAMED.finditer(text):
        digits = re.sub(r"\D", "", m["n"])
        if 7 <= len(digits) <= 13 and digits[:3] not in _TOLL_FREE and not digits.startswith("95"):
            yield Found(m.start("n"), m.end("n"), "phone")


_AREAS = (
    (_TAIWAN, "+886"),
    (_LANDLINE, "+86"),
    (_LANDLINE_SPACED, "+86"),
    (_TAIWAN_LANDLINE, "+886"),
    (_HONG_KONG, "+"),
    (_UNITED_KINGDOM, "+44"),
)
