"""The language of the search box, parsed once for every store.

Words are AND, `"phrase"`, `OR`, `-not`, `( )`, `field:value`, `word*`. What is written without a
space is found without a gap: a run of Chinese characters is a phrase, and so is iPhone15手机. Full-width brackets,
quotes and colons and the Chinese names of fields are understood too.

Fields: brand, platform, sentiment, aspect, intent, lang, source, kind (as the filters of the same name, compared
without case, width or script); author (id or name), customer; is:linked, is:spam; since: and until: a day, both
included.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple, get_args
from zoneinfo import ZoneInfo

from index.documents import SENTIMENTS, Kind
from index.errors import QueryError
from index.query import And, FieldIs, Node, Not, Or, Term
from index.text import words

# Each field with an example for messages.
FIELDS = {
    "brand": "喜茶",
    "platform": "weibo",
    "sentiment": "negative",
    "aspect": "taste",
    "intent": "complaint",
    "lang": "zh",
    "author": "weibo:123",
    "customer": "C001",
    "source": "weibo-mentions",
    "kind": "post",
    "is": "linked",
    "since": "2026-01-31",
    "until": "2026-01-31",
}
CHOICES: dict[str, tuple[str, ...]] = {
    "sentiment": SENTIMENTS,
    "kind": get_args(Kind),
    "is": ("linked", "spam"),
}
FIELD_NAMES_ZH = {
    "品牌": "brand",
    "平台": "platform",
    "情感": "sentiment",
    "方面": "aspect",
    "意图": "intent",
    "语言": "lang",
    "作者": "author",
    "客户": "customer",
    "来源": "source",
    "类型": "kind",
}
VALUE_NAMES_ZH = {"负面": "negative", "中性": "neutral", "正面": "positive", "不确定": "unsure"}
MAX_PARTS = 200  # SQLite's full-text parser refuses much more
MAX_DEPTH = 20


def parse(text: str, *, zone: str = "Asia/Shanghai") -> Node | None:
    """Read the search box; None when it is empty. Raises QueryError with the position of the bad character.

    `zone` is where the days of `since:` and `until:` begin and end.
    """
    return _Parser(text, ZoneInfo(zone)).read()


class _Lexeme(NamedTuple):
    """`kind` is one of ( ) - OR AND word phrase field end."""

    kind: str
    text: str
    start: int
    value: str = ""
    value_start: int = 0


_WORD_END = re.compile(r"[\s()（）\"“”]|$")
_FIELD = re.compile(r"([A-Za-z_]+|" + "|".join(FIELD_NAMES_ZH) + r")[:：]")
_OPERATORS = {"OR": "OR", "AND": "AND", "NOT": "-"}
_QUOTES = {'"': '"“”', "“": '”"“', "”": '”"“'}


def _lex(text: str) -> Iterator[_Lexeme]:
    at = 0
    while at < len(text):
        char = text[at]
        if char.isspace():
            at += 1
        elif char in "()（）":
            yield _Lexeme("(" if char in "(（" else ")", char, at)
            at += 1
        elif char in "-－":
            yield _Lexeme("-", char, at)
            at += 1
        else:
            lexeme, at = _word_lexeme(text, at)
            yield lexeme
    yield _Lexeme("end", "", len(text))


def _word_lexeme(text: str, at: int) -> tuple[_Lexeme, int]:
    field = _FIELD.match(text, at)
    if field and (field[0][-1] == ":" or field[1] in FIELD_NAMES_ZH or field[1].lower() in FIELDS):
        _, value, end = _value(text, field.end())
        return _Lexeme("field", field[1], at, value, field.end()), end
    kind, value, end = _value(text, at)
    if kind == "word" and value in _OPERATORS:
        return _Lexeme(_OPERATORS[value], value, at), end
    return _Lexeme(kind, text[at:end], at, value, at), end


def _value(text: str, at: int) -> tuple[str, str, int]:
    """A quoted phrase or a bare word that begins at `at`: kind, content, end."""
    if at < len(text) and text[at] in _QUOTES:
        closing = next((i for i in range(at + 1, len(text)) if text[i] in _QUOTES[text[at]]), None)
        if closing is None:
            raise QueryError("This quotation mark is never closed: add one at the end of the phrase.", text, at)
        prefix = text[closing + 1 : closing + 2] == "*"
        return "phrase", text[at + 1 : closing] + "*" * prefix, closing + 1 + prefix
    match = _WORD_END.search(text, at)
    end = match.start() if match else len(text)
    return "word", text[at:end], end


class _Parser:
    """Recursive descent: either := all (OR all)*; all := one one*; one := -one | (either) | word | field."""

    def __init__(self, text: str, zone: ZoneInfo) -> None:
        self.text = text
        self.zone = zone
        self.lexemes = list(_lex(text))
        self.next = 0
        self.depth = 0
        if len(self.lexemes) > MAX_PARTS:
            message = f"This search has more than {MAX_PARTS} parts: shorten it."
            raise QueryError(message, text, self.lexemes[MAX_PARTS].start)

    def read(self) -> Node | None:
        if len(self.lexemes) == 1:
            return None
        node = self.either()
        if self.peek.kind == ")":
            raise self.error("This bracket was never opened: remove it, or add a ( before it.")
        if node is None:
            raise self.error("There is no word to search for here: write letters, digits or an emoji.", 0)
        return node

    @property
    def peek(self) -> _Lexeme:
        return self.lexemes[self.next]

    def take(self) -> _Lexeme:
        self.next += 1
        return self.lexemes[self.next - 1]

    def error(self, message: str, position: int | None = None) -> QueryError:
        return QueryError(message, self.text, self.peek.start if position is None else position)

    def either(self) -> Node | None:
        nodes = [self.all()]
        while self.peek.kind == "OR":
            nodes.append(self.all(after=self.take()))
        return _joined(Or, nodes)

    def all(self, after: _Lexeme | None = None) -> Node | None:
        nodes: list[Node | None] = []
        if self.peek.kind in ("OR", "AND"):
            raise self.error(f"{self.peek.text} needs a word before it: put quotes around it to search for it.")
        while self.peek.kind not in ("end", ")", "OR"):
            nodes.append(self.one())
            if self.peek.kind == "AND":
                after = self.take()
                if self.peek.kind in ("end", ")", "OR", "AND"):
                    nodes = []
                    break
        if after and not nodes:
            raise self.error(f"{after.text} needs a word after it: add one, or remove {after.text}.", after.start)
        return _joined(And, nodes)

    def one(self) -> Node | None:
        lexeme = self.take()
        if lexeme.kind == "-":
            return self.negated(lexeme)
        if lexeme.kind == "(":
            return self.bracket(lexeme)
        if lexeme.kind == "field":
            return _field(self.text, lexeme, self.zone)
        prefix = lexeme.value.endswith("*")
        found = tuple(words(lexeme.value))
        if not found and lexeme.kind == "phrase":
            raise self.error("There is no word between these quotation marks.", lexeme.start)
        return Term(tokens=found, prefix=prefix) if found else None

    def negated(self, minus: _Lexeme) -> Node:
        if self.peek.kind in ("end", ")", "OR", "AND"):
            raise self.error("Nothing stands after the minus: write -word, or remove it.", minus.start)
        self.enter(minus)
        node = self.one()
        self.depth -= 1
        if node is None:
            raise self.error("The minus needs a word: write -word, or remove it.", minus.start)
        return node.node if isinstance(node, Not) else Not(node=node)

    def bracket(self, opening: _Lexeme) -> Node | None:
        self.enter(opening)
        if self.peek.kind == ")":
            raise self.error("These brackets are empty: write words between them, or remove them.", opening.start)
        node = self.either()
        if self.peek.kind != ")":
            raise self.error("This bracket is never closed: add a ) where the group ends.", opening.start)
        self.take()
        self.depth -= 1
        return node

    def enter(self, lexeme: _Lexeme) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.error(f"More than {MAX_DEPTH} brackets inside each other: simplify.", lexeme.start)


def _joined(kind: type[And | Or], nodes: Iterable[Node | None]) -> Node | None:
    """One node for several: groups of the same kind are flattened, parts without a word are left out."""
    flat: list[Node] = []
    for node in nodes:
        flat.extend(node.nodes if isinstance(node, kind) else [node] if node else [])
    return kind(nodes=tuple(flat)) if len(flat) > 1 else flat[0] if flat else None


def _field(text: str, lexeme: _Lexeme, zone: ZoneInfo) -> FieldIs:
    name = FIELD_NAMES_ZH.get(lexeme.text, lexeme.text.lower())
    if name not in FIELDS:
        near = difflib.get_close_matches(name, FIELDS, n=1, cutoff=0.6)
        hint = f"Did you mean {near[0]}:?" if near else f"Fields are {', '.join(FIELDS)}."
        raise QueryError(
            f"There is no field {name!r}. {hint} To search for the text, quote it.", text, lexeme.start
        )
    value = lexeme.value.strip()
    if not value:
        raise QueryError(f"{name}: needs a value, such as {name}:{FIELDS[name]}", text, lexeme.value_start)
    value = VALUE_NAMES_ZH.get(value, value)
    if name in ("since", "until"):
        return FieldIs(field=name, value=_moment(text, lexeme, name, value, zone))
    allowed = CHOICES.get(name)
    if allowed and value.lower() not in allowed:
        raise QueryError(f"{name}: can be {', '.join(allowed)}; not {value!r}.", text, lexeme.value_start)
    return FieldIs(field=name, value=value.lower() if allowed else value)


def _moment(text: str, lexeme: _Lexeme, name: str, value: str, zone: ZoneInfo) -> str:
    """The instant as ISO text in UTC. `until:` a day means to the end of that day."""
    try:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=zone)
        if name == "until" and _is_day(value):
            moment += timedelta(days=1)
        return moment.astimezone(UTC).isoformat()
    except (ValueError, OverflowError):
        message = f"{name}: needs a date such as {name}:2026-01-31; not {value!r}."
        raise QueryError(message, text, lexeme.value_start) from None


def _is_day(value: str) -> bool:
    """Whether ISO text names a day and no time of it: 2026-01-31, 20260131."""
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True
