"""Which brands a text speaks of: one Aho-Corasick pass, whatever the number of aliases.

Texts and aliases are compared in `index.text.normalise` form. A name that begins or ends with a letter or digit
of a spaced script needs a word boundary there ("Mate" is not in "climate"); Chinese needs none. Inside an
exclude phrase of the brand a match does not count. Tags and handles also match with the spaces and dots of an
alias left out: #NovaCoffee and @nova_coffee are "Nova Coffee".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import chain

import msgspec
from ahocorasick_rs import AhoCorasick, Implementation

from index.documents import Mention
from index.inbox.protocol import End, Item
from index.settings import Brand
from index.text import normalise

_TAGS = (re.compile(r"#([^#\n]{1,80})#"), re.compile(r"[#@]([\w\-·.]+)"))  # Weibo closes a tag, others do not
_JOINTS = re.compile(r"[\W_]+")
_FIRST_UNSPACED = 0x2E80  # CJK radicals: from here on scripts are written without spaces between words
_THAI_TO_TIBETAN = range(0x0E00, 0x1000)  # Thai, Lao, Tibetan: no spaces either
_MYANMAR_KHMER = (range(0x1000, 0x10A0), range(0x1780, 0x1800))


class Name(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One meaning of a pattern: whose it is, and where it needs a word boundary."""

    brand: int
    before: bool
    after: bool
    excludes: bool


class Match:
    """The step: sets `brands`, in the order of the settings, and leaves out what speaks of none. Brands a map
    has set already (a shop's own reviews name no brand) stay."""

    drops: End | None = "unmatched"

    def __init__(self, brands: Sequence[Brand]) -> None:
        self._brands = Brands(brands)

    def __call__(self, items: Sequence[Item]) -> list[Item]:
        kept = []
        for item in items:
            mention = item.mention
            brands = self._brands.of_mention(mention)
            if brands or mention.deleted:  # a deletion must reach the store, whatever is left of the text
                if brands != mention.brands:
                    mention = msgspec.structs.replace(mention, brands=brands)
                    item = Item(mention=mention, raw=item.raw, batch=item.batch)
                kept.append(item)
        return kept


class Brands:
    """The compiled names of all brands. Building takes about 10 µs a name; finding does not depend on how
    many there are."""

    def __init__(self, brands: Sequence[Brand]) -> None:
        self._names = [brand.name for brand in brands]
        self._squeezed: dict[str, set[int]] = {}
        patterns: dict[str, list[Name]] = {}
        for place, brand in enumerate(brands):
            for alias in (brand.name, *brand.aliases, *brand.products):
                self._add(patterns, alias, place, excludes=False)
                self._squeezed.setdefault(_squeeze(_form(alias)), set()).add(place)
            for phrase in brand.exclude:
                self._add(patterns, phrase, place, excludes=True)
        self._squeezed.pop("", None)  # names of signs alone, such as "!"
        # The byte-wise automaton: one whose nodes list their letters gets slow with thousands of Chinese names.
        self._automaton = AhoCorasick(list(patterns), implementation=Implementation.ContiguousNFA)
        self._named = list(patterns.values())
        self._empty = not patterns

    @staticmethod
    def _add(patterns: dict[str, list[Name]], text: str, brand: int, *, excludes: bool) -> None:
        form = _form(text)
        if form:
            name = Name(
                brand=brand,
                before=_is_spaced(form[0]),
                after=_is_spaced(form[-1]),
                excludes=excludes,
            )
            if name not in patterns.setdefault(form, []):
                patterns[form].append(name)

    def of_mention(self, mention: Mention) -> tuple[str, ...]:
        """The brands of a mention: set before, named in title or text, or tagged."""
        found = self._find(_form(mention.full_text))
        for tag in mention.hashtags:
            form = _form(tag)
            found |= self._squeezed.get(_squeeze(form), _NOTHING) | self._find(form)
        if not mention.brands:
            return tuple(self._names[place] for place in sorted(found))
        named = dict.fromkeys(chain(mention.brands, (self._names[place] for place in sorted(found))))
        return tuple(named)

    def of_text(self, text: str) -> tuple[str, ...]:
        """The brands named in a text, in the order of the settings."""
        return tuple(self._names[place] for place in sorted(self._find(_form(text))))

    def _find(self, form: str) -> set[int]:
        if self._empty:
            return set()
        spans = list(self._spans(form))
        if not spans:
            return set()
        excluded = [(brand, start, end) for brand, start, end, excludes in spans if excludes]
        return {
            brand
            for brand, start, end, excludes in spans
            if not excludes and not any(b == brand and s <= start and end <= e for b, s, e in excluded)
        }

    def _spans(self, form: str) -> Iterator[tuple[int, int, int, bool]]:
        """(brand, start, end, excludes) of every name that stands in the text as a name."""
        last = len(form)
        for pattern, start, end in self._automaton.find_matches_as_indexes(form, overlapping=True):
            for name in self._named[pattern]:
                if name.before and start > 0 and _is_spaced(form[start - 1]):
                    continue
                if name.after and end < last and _is_spaced(form[end]):
                    continue
                yield name.brand, start, end, name.excludes
        if "#" in form or "@" in form:
            yield from self._tagged(form)

    def _tagged(self, form: str) -> Iterator[tuple[int, int, int, bool]]:
        for pattern in _TAGS:
            for tag in pattern.finditer(form):
                if brands := self._squeezed.get(_squeeze(tag[1])):
                    yield from ((brand, tag.start(), tag.end(), False) for brand in brands)


_NOTHING: frozenset[int] = frozenset()


def _form(text: str) -> str:
    """The comparing form with every run of white space as one space."""
    return " ".join(normalise(text).split())


def _squeeze(form: str) -> str:
    return form if form.isalnum() else _JOINTS.sub("", form)


def _is_spaced(char: str) -> bool:
    """Whether this is a letter or digit of a script that puts spaces between words."""
    code = ord(char)
    if code >= _FIRST_UNSPACED or code in _THAI_TO_TIBETAN or any(code in block for block in _MYANMAR_KHMER):
        return False
    return char == "_" or char.isalnum()
