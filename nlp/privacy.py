"""Masks what identifies a person in a text: phone, e-mail, identity and bank cards, WeChat, QQ, address, name.

Masked before a text is stored, so that a leak of the store leaks no contact data. A mask names its kind,
`[phone]`, which reads in Chinese and English text alike. Each kind is found by its own rule; the earlier
rule in `_RULES` wins where two overlap. What only looks like one (price, order number, hotline, id in a
URL, model number) stays.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

Kind = Literal["phone", "email", "id_card", "bank_card", "wechat", "qq", "address", "name"]


class Contact(NamedTuple):
    """A contact found before masking, in the form customers are matched by: E.164 phone, lower-case e-mail."""

    kind: Literal["phone", "email"]
    value: str


class Masked(NamedTuple):
    """`text` with masks, how many of each kind, and the contacts for exact linking (never stored in clear)."""

    text: str
    counts: dict[str, int]
    contacts: tuple[Contact, ...]


class _Found(NamedTuple):
    start: int
    end: int
    kind: Kind
    contact: str | None = None


# Anything a rule below could match contains one of these; most posts contain none and leave at once.
_SUSPICIOUS = re.compile(
    r"[0-9０-９]{3}[\s)）.\-－]{0,2}[0-9０-９]{3}|[0-9A-Za-z０-９_]\s?[@＠(（\[]|微信|薇信|威信|[vVｖ]信|加[vV]|(?<![a-z])[vVwW][xX]"
    r"|(?<![a-z])[qQ][qQ群]|扣扣|企鹅号|wechat|地址|住址|住在|家住|寄[到给去]|送[到货]|室|收[件货]人|联系人|聯[系絡]人|姓名"
    r"|recipient|consignee|contact|attn|address|live at|ship(?:ped)? to|deliver(?:ed)? to|passport|身[份分][证證]|护照|護照",
    re.IGNORECASE,
)
# Full-width forms to half-width, one for one: positions in the shadow are positions in the text.
_HALF_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}
_WIDE = re.compile(r"[！-～　]")


def mask(text: str) -> Masked:
    """Mask personal data in `text`. Total, linear in its length; masking twice changes nothing more."""
    if not _SUSPICIOUS.search(text):
        return Masked(text, {}, ())
    shadow = text.translate(_HALF_WIDTH) if _WIDE.search(text) else text
    found: list[_Found] = []
    taken = bytearray(len(text))
    for rule in _RULES:
        for one in rule(shadow):
            if not any(taken[one.start : one.end]):
                taken[one.start : one.end] = b"\x01" * (one.end - one.start)
                found.append(one)
    return _replace(text, sorted(found)) if found else Masked(text, {}, ())


def _replace(text: str, found: list[_Found]) -> Masked:
    pieces, at = [], 0
    for one in found:
        pieces += [text[at : one.start], f"[{one.kind.replace('_', ' ')}]"]
        at = one.end
    contacts = [Contact(o.kind, o.contact) for o in found if o.contact and o.kind in ("phone", "email")]
    counts: dict[str, int] = dict(Counter(str(o.kind) for o in found))
    return Masked("".join([*pieces, text[at:]]), counts, tuple(dict.fromkeys(contacts)))


_EMAIL = re.compile(r"(?<![\w.+\-@])[\w.+\-]{1,64}@((?:[a-z0-9\-]{1,63}\.){1,4}[a-z]{2,10})(?![\w@])", re.I | re.A)


def _emails(text: str) -> Iterator[_Found]:
    if "@" in text:
        for m in _EMAIL.finditer(text):
            yield _Found(m.start(), m.end(), "email", m[0].lower())


_CN_MOBILE = re.compile(
    r"(?<![\d.])(?:(?:\+|00)?86[ \-]?)?(1[3-9]\d)[ \-]?(\d{4})[ \-]?(\d{4})(?![\d]|\.\d)", re.A
)


def _phones(text: str) -> Iterator[_Found]:
    for m in _CN_MOBILE.finditer(text):
        yield _Found(m.start(), m.end(), "phone", "+86" + "".join(m.groups()))


_RULES: tuple[Callable[[str], Iterator[_Found]], ...] = (_emails, _phones)
