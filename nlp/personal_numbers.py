"""Rules for numbers: phones, identity papers, bank cards and accounts, orders and parcels."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

from nlp import checksums
from nlp.personal import HAN, LISTS, Found, a_thing, an_amount, in_url

_DIGIT_WORDS = "零〇一二三四五六七八九幺壹贰叁肆伍陆柒捌玖"
_DIGIT_OF_WORD = str.maketrans(_DIGIT_WORDS, "00123456789" + "1123456789")

# A day written in digits: 20240315.
DAY = re.compile(r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])", re.A)

# --- orders and parcels: with the number anybody learns the address

_COURIERS = "|".join(LISTS["couriers"])
_ORDER = re.compile(
    r"(?:(?:订单|訂單|单|單)(?:号码?|號碼?|编号|編號)|(?:订单|訂單|[运運]单号?|[运運]單號?)"
    rf"|(?P<courier>(?:{_COURIERS})(?:快递|快遞)?(?:单号|單號)?)"
    r"|(?<![a-z])(?P<bare>order|tracking|waybill|invoice)(?P<no> (?:number|no\.?|id|nr\.?|code))?)"
    r"(?:是|为|係| is)?\s?(?P<sep>[:#(【]?)\s{0,2}"
    r"(?P<id>#?[a-z]{0,4}-?\d[\da-z]{0,24}(?:-[\da-z]{1,20}){0,4})(?![\da-z]|\.\d)",
    re.I | re.A,
)
_PARCEL = re.compile(r"(?<![\da-z])(?:SF|JD[A-Z]{0,2}|YT|JT|ZTO|STO|YD)\d{12,15}(?![\da-z])", re.I | re.A)
LEAST_ORDER, LEAST_PARCEL = 6, 10  # digits


def orders(text: str) -> Iterator[Found]:
    for m in _ORDER.finditer(text):
        digits = sum(map(str.isdigit, m["id"]))
        enough = digits >= (LEAST_PARCEL if m["courier"] else LEAST_ORDER)
        a_day = m["bare"] and not m["no"] and not m["sep"] and DAY.fullmatch(m["id"])
        if enough and not a_day and not an_amount(text, m.start("id"), m.end()):
            yield Found(m.start("id"), m.end("id"), "order")
    for m in _PARCEL.finditer(text):
        if not in_url(text, m.start()):
            yield Found(m.start(), m.end(), "order")


# --- identity papers: with a right check digit they need no word before them

_CHINA_ID = re.compile(
    r"(?<![\dA-Za-z])[1-9]\d{5}[ \-]?(?:19|20)\d\d[ \-]?(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])[ \-]?"
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
# Visa, Mastercard, American Express, UnionPay. Other numbers as long are mostly the ids of posts.
_BRAND = re.compile(
    r"(?:4\d{3}|5[1-5]\d\d|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}|3[47]\d{13}|62\d{14,17}", re.A
)
_NO_CARD = re.compile(r"sku|条码|條碼|[单單]|order|mid|id", re.I)


def bank_cards(text: str) -> Iterator[Found]:
    for m in _BANK_CARD.finditer(text):
        digits = re.sub(r"\D", "", m[0])
        before = text[max(0, m.start() - 16) : m.start()]
        said = _BANK_WORD.search(before) is not None and not _NO_CARD.search(before)
        looks = _BRAND.fullmatch(digits) is not None or (m[0][4] in " -" and digits[0] in "3456")
        alone = not in_url(text, m.start()) and not an_amount(text, m.start(), m.end())
        other = _NO_CARD.search(before) is not None or a_thing(text, m.start(), m.end())
        if checksums.luhn(digits) and alone and (said or (looks and not other)):
            yield Found(m.start(), m.end(), "bank_card")
    for m in _IBAN.finditer(text):
        if checksums.iban(m[0]):
            yield Found(m.start(), m.end(), "bank_card")


# --- phones

_MOBILE = re.compile(
    r"(?<!\d)(?<!\d\.)(?:(?<!\d-)|(?<=1[3-9]\d{9}-))(?P<code>(?:\+|00)?86[ \-]?)?"
    r"(1[3-9]\d)[ .\-]?(\d{4})[ .\-]?(\d{4})(?!\d|\.\d)",
    re.A,
)
_OTHER_COUNTRY = re.compile(r"(?:\+|(?<!\d)00)(?!86)\d{1,3}[ .\-()]{0,2}$", re.A)
_MOBILE_SPACED = re.compile(r"(?<!\d)(?<!\d )1 [3-9](?: \d){9}(?! ?\d)", re.A)
_WORD = f"[{_DIGIT_WORDS}]"
_MOBILE_IN_WORDS = re.compile(
    rf"(?<!{_WORD})[一幺壹][三四五六七八九叁肆伍陆柒捌玖]{_WORD}[ \-]?{_WORD}{{4}}[ \-]?{_WORD}{{4}}(?!{_WORD})"
)
_CHINA = r"(?<![\d\-])(?<!\d\.)(?:\+|00)86[ \-]?(?:\(?0\)?)?\(?"
_AREA = r"(10|2\d|(?!400|800)[3-9]\d\d)"
_LOCAL = r"([1-9]\d{6,7}|[1-9]\d{2,3}[ \-]\d{4})(?:-\d{1,4})?(?!-?\d)"
_LANDLINE = re.compile(
    rf"(?:{_CHINA}{_AREA}(?:\) ?|[ \-])?|(?<![\d\-])(?<!\d\.)\(?0{_AREA}(?:\) ?|[ \-])"
    rf"|(?<![\d.+\-])86[ \-]?{_AREA}-){_LOCAL}",
    re.A,
)
_LANDLINE_PLAIN = re.compile(r"(?<![\d.\-])0(?:(10|2[1-9])([1-9]\d{7})|(20)([124-69]\d{7}))(?![\d\-])", re.A)
# 020 is Guangzhou and London. In Guangzhou no number begins with 7; one that begins with 3 or 8 may be in either.
_LONDON = re.compile(r"(?<![\d.\-])\(?0(20)(?:\) ?| )(7\d{3}) (\d{4})(?![\d\-])", re.A)
_EITHER = re.compile(r"(?<![\d.\-])\(?020(?:(?:\) ?| )[38]\d{3} \d{4}|[378]\d{7})(?![\d\-])", re.A)
_TAIWAN = re.compile(r"(?<![\d.\-])(?:\+?886[ \-]?0?|0)(9\d\d)([ \-]?)(\d{3})\2(\d{3})(?![\d\-])", re.A)
_TAIWAN_LANDLINE = re.compile(r"(?<![\d.\-])(?:\(0([2-8])\) ?|0([2-8])-)(\d{3,4})-?(\d{4})(?![\d\-])", re.A)
_HONG_KONG = re.compile(r"(?<![\w+.\-])(?:\+|00)?(85[23])[ \-]?([2-9]\d{3})[ \-]?(\d{4})(?![\d\-])", re.A)
_UNITED_KINGDOM = re.compile(
    r"(?<![\d.\-])\(?0(7\d{3}\)? ?\d{3} ?\d{3}|1\d1\)? \d{3} \d{4}|11\d\)? \d{3} \d{4}|1\d{3}\)? \d{5,6})"
    r"(?![\d\-])",
    re.A,
)
_NORTH_AMERICA = re.compile(
    r"(?<![\d.$\-])(?:\+?1[ .\-])?\(?([2-9]\d\d)\)?[ .\-]{1,2}([2-9]\d\d)[ .\-](\d{4})(?![\da-z\-]| ?[gmt]b)",
    re.I | re.A,
)
_ABROAD = re.compile(r"(?<![\w+])(?<!\d[ \-])(?:\+|00)(?!86)[1-9](?:[ .\-]{0,2}\(?\d\)?){8,14}(?!\d)", re.A)
_COUNTRY = re.compile(
    r"1[2-9]\d\d[2-9]\d{6}|7\d{10}|(?:2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[124]|9[0-58])\d{7,12}"
    r"|(?:2[1-69]|3[578]|42|5[09]|6[7-9]|8[58]|9[679])\d{7,12}",
    re.A,
)
_SCORE = re.compile(r"(?:转发|轉發|得分|加分|积分|评论|点赞|涨粉)\s?$")
_TOLL_FREE = frozenset({"400", "800", "888", "877", "866", "855", "844", "833"})  # a company's, not a person's
# A leading 00, or three groups of digits in Chinese text or like prices, are a phone only near one of these.
_PHONE_WORD = re.compile(
    r"电话|電話|致[电電]|[联聯][系絡络繫]|手机号|手機號|手机:"
    r"|(?<![a-z\[])(?:call|text|dial|ring|reach|contact|cell|mobile|phone|telephone|tel|fax|whatsapp|sms|number|line)"
    r"(?![a-z])",
    re.I,
)
_NAMED = re.compile(
    r"(?:电话|電話|门号|門號|致电|师傅|座机|whatsapp|(?<![a-z])tel|call me|text me|call or text"
    r"|(?P<goods>手机|手機|(?<![a-z])(?:(?:tele|(?:cell|mobile) ?)?phone|mobile)))"
    r"(?P<told>(?:号码?|號碼?| number| no\.?)?(?: is| at| on)?\s{0,2}[:是为.]?)\s{0,2}"
    r"(?P<n>\d{2,4}(?:[ \-]?\d{2,5}){1,3})(?!\d|\.\d)",
    re.I | re.A,
)
_IS_HAN = re.compile(f"[{HAN}]")
_DATE = re.compile(r"(?:19|20)\d\d(?:([ \-])\d{1,2}\1\d{1,2}|-(?:19|20)\d\d)(?!\d)", re.A)


def phones(text: str) -> Iterator[Found]:
    for one in _numbers(text):
        if not a_thing(text, one.start, one.end):
            yield one


def _numbers(text: str) -> Iterator[Found]:
    yield from _abroad(text)
    yield from _mobiles(text)
    yield from _with_areas(text)
    yield from _north_american(text)
    yield from _said(text)


def _abroad(text: str) -> Iterator[Found]:
    for m in _ABROAD.finditer(text):
        digits = re.sub(r"\D", "", m[0].replace("(0)", "")).removeprefix("00")
        said = m[0][0] == "+" or _is_near_a_phone_word(text, m.start(), m.start())
        toll_free = digits.startswith("1") and digits[1:4] in _TOLL_FREE
        score = _SCORE.search(text[max(0, m.start() - 4) : m.start()])
        if _COUNTRY.fullmatch(digits) and said and not toll_free and not score:
            yield Found(m.start(), m.end(), "phone", "+" + digits)


def _is_near_a_phone_word(text: str, start: int, end: int) -> bool:
    return _PHONE_WORD.search(text[max(0, start - 24) : start] + "\n" + text[end : end + 16]) is not None


def _mobiles(text: str) -> Iterator[Found]:
    for m in _MOBILE.finditer(text):
        abroad = not m["code"] and _OTHER_COUNTRY.search(text[max(0, m.start() - 8) : m.start()])
        yield Found(m.start(), m.end(), "phone", None if abroad else f"+86{m[2]}{m[3]}{m[4]}")
    for m in _MOBILE_SPACED.finditer(text):
        yield Found(m.start(), m.end(), "phone", "+86" + m[0].replace(" ", ""))
    for m in _MOBILE_IN_WORDS.finditer(text):
        yield Found(m.start(), m.end(), "phone", "+86" + re.sub("[ -]", "", m[0]).translate(_DIGIT_OF_WORD))


def _with_areas(text: str) -> Iterator[Found]:
    for m in _EITHER.finditer(text):
        yield Found(m.start(), m.end(), "phone")
    for pattern, country in _AREAS:
        for m in pattern.finditer(text):
            yield Found(m.start(), m.end(), "phone", country + re.sub(r"\D", "", "".join(filter(None, m.groups()))))


def _north_american(text: str) -> Iterator[Found]:
    for m in _NORTH_AMERICA.finditer(text):
        clear = m[0][0] == "+" or "(" in m[0] or not _is_a_series(text, m)
        if m[1] not in _TOLL_FREE and (clear or _is_near_a_phone_word(text, m.start(), m.end())):
            yield Found(m.start(), m.end(), "phone", f"+1{m[1]}{m[2]}{m[3]}")


def _is_a_series(text: str, m: re.Match[str]) -> bool:
    """299 399 1299: sizes or prices side by side."""
    rising_prices = int(m[1]) < int(m[2]) < int(m[3]) and all(part[-1] in "0589" for part in m.groups())
    return rising_prices or _IS_HAN.search(text[max(0, m.start() - 12) : m.end() + 12]) is not None


def _said(text: str) -> Iterator[Found]:
    for m in _NAMED.finditer(text):
        digits = re.sub(r"\D", "", m["n"])
        hotline = digits[:3] in _TOLL_FREE or digits.startswith("95")
        if 7 <= len(digits) <= 13 and not hotline and not _is_date(m) and not _are_prices(m):
            yield Found(m.start("n"), m.end("n"), "phone")


def _is_date(m: re.Match[str]) -> bool:
    return _DATE.match(m["n"]) is not None or (not m["told"].strip() and DAY.fullmatch(m["n"]) is not None)


def _are_prices(m: re.Match[str]) -> bool:
    """手机 2999-3999: the word is one for goods too, and the numbers rise."""
    numbers = [int(part) for part in re.split("[ -]", m["n"])]
    rising = len(numbers) > 1 and all(one < other for one, other in itertools.pairwise(numbers))
    return bool(m["goods"]) and rising and (not m["told"].strip() or (len(numbers) == 2 and "-" in m["n"]))


_AREAS = (
    (_TAIWAN, "+886"),
    (_LONDON, "+44"),
    (_LANDLINE, "+86"),
    (_LANDLINE_PLAIN, "+86"),
    (_TAIWAN_LANDLINE, "+886"),
    (_HONG_KONG, "+"),
    (_UNITED_KINGDOM, "+44"),
)
