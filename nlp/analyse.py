"""One batch of mentions understood: mask -> language -> sentiment -> aspects, own ones too -> intents and spam."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from msgspec.structs import replace

from index.crm.contacts import open_contacts
from index.documents import Analysis, Author, Mention
from index.settings import Settings
from nlp import language, privacy, reading
from nlp.engine import SentimentModel
from nlp.own_categories import OwnCategories


class Masked(NamedTuple):
    """A mention fit to be stored, how much was masked by kind, and the contacts for exact linking."""

    mention: Mention
    counts: dict[str, int]
    contacts: tuple[privacy.Contact, ...]


class Understood(NamedTuple):
    """A masked mention and what it means. Spans of the aspects refer to the masked `full_text`."""

    mention: Mention
    analysis: Analysis
    contacts: tuple[privacy.Contact, ...]


class Analyser:
    """Masks and understands mentions. With `settings.pseudonyms` authors are known by a keyed hash only.

    `version` goes into each Analysis: it changes when the same text could get another one.
    """

    def __init__(self, settings: Settings, model: SentimentModel) -> None:
        self.model = model
        self._own = OwnCategories(settings, model) if settings.categories else None
        self.version = f"{model.version}+{self._own.version}" if self._own else model.version
        self._pseudonym = open_contacts(settings.home).digest if settings.pseudonyms else None

    def mask(self, mention: Mention) -> Masked:
        """Cheap next to the model, and pure: the same mention is masked the same way each time."""
        title = privacy.mask(mention.title) if mention.title else None
        text = privacy.mask(mention.text)
        author = mention.author
        if author and self._pseudonym:
            author = unnamed(author, self._pseudonym("author", author.id))
        tags = tuple(privacy.mask(tag).text for tag in mention.hashtags)
        masked = replace(mention, title=title.text if title else None, text=text.text, author=author, hashtags=tags)
        if not title:
            return Masked(masked, text.counts, text.contacts)
        counts = dict(Counter(title.counts) + Counter(text.counts))
        return Masked(masked, counts, tuple(dict.fromkeys(title.contacts + text.contacts)))

    def understand(self, masked: Sequence[Masked]) -> list[Understood]:
        """One result a mention, in order."""
        texts = [one.mention.full_text for one in masked]
        found = reading.read(self.model, texts)
        now = datetime.now(UTC)
        understood = [
            Understood(one.mention, self._analysis(text, said, one.counts, now), one.contacts)
            for one, text, said in zip(masked, texts, found, strict=True)
        ]
        if self._own is None:
            return understood
        return [
            one._replace(analysis=replace(one.analysis, aspects=(*one.analysis.aspects, *own)))
            for one, own in zip(understood, self._own.find(texts), strict=True)
        ]

    def analyse(self, mentions: Sequence[Mention]) -> list[Understood]:
        """Mask and understand."""
        return self.understand([self.mask(mention) for mention in mentions])

    def _analysis(self, text: str, said: reading.Understanding, masked: dict[str, int], now: datetime) -> Analysis:
        return Analysis(
            model=self.model.name,
            model_version=self.version,
            analysed_at=now,
            lang=language.detect(text),
            sentiment=said.mood.label,
            probabilities=said.mood.probabilities,
            aspects=said.aspects,
            intents=said.intents,
            spam=said.spam,
            sarcasm=said.sarcasm,
            masked=masked,
        )


def unnamed(author: Author, digest: str) -> Author:
    """The author known by a keyed hash alone: 24 hex characters, 96 bits, no two alike among billions."""
    platform = author.id.partition(":")[0]
    return replace(author, id=f"{platform}:{digest[:24]}", name=None, handle=None, url=None)
