"""The one vocabulary. Every stage reads and writes these and nothing else.

Conventions: an id is "platform:native_id"; a missing value is None, never 0 or ""; a time is an aware
datetime in UTC. All documents are immutable: a change is a new document (`msgspec.structs.replace`).
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

SentimentLabel = Literal["negative", "neutral", "positive", "unsure"]
SENTIMENTS: tuple[SentimentLabel, ...] = ("negative", "neutral", "positive", "unsure")
INTENTS = ("complaint", "question", "praise", "purchase_intent", "suggestion", "advertisement")  # none: other
Kind = Literal["post", "comment", "review", "article"]
TIME_UNKNOWN = "time_unknown"  # a flag, see Mention.time_unknown
EPOCH = datetime.fromtimestamp(0, UTC)
CaseState = Literal["new", "assigned", "replied", "closed"]


class Document(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Base of all documents: immutable, keyword-only, cheap to encode (defaults are left out). They hold no
    cycles, so the garbage collector need not look at them."""


class Author(Document, frozen=True, kw_only=True):
    """Who spoke. `id` is "platform:native_id" of the account; ids of different apps are never joined."""

    id: str
    name: str | None = None
    handle: str | None = None
    url: str | None = None
    followers: int | None = None
    verified: bool | None = None
    region: str | None = None


class Engagement(Document, frozen=True, kw_only=True):
    """Counters as the platform gave them; None means the platform did not say."""

    likes: int | None = None
    comments: int | None = None
    shares: int | None = None
    saves: int | None = None
    views: int | None = None

    @property
    def total(self) -> int | None:
        """Likes + comments + shares + saves of those known, or None when none is known. Views are reach."""
        known = [n for n in (self.likes, self.comments, self.shares, self.saves) if n is not None]
        return sum(known) if known else None


class Mention(Document, frozen=True, kw_only=True):
    """One thing somebody said in public.

    `version` orders the states of one mention: milliseconds since the epoch of the platform's edit time,
    else of `fetched_at`. A store never lets a lower version replace a higher one. Mapping is pure and knows
    no clock: it leaves `fetched_at` (and `version`, when the platform names no edit time) at their defaults,
    and intake stamps them.
    """

    id: str
    platform: str
    source: str
    text: str
    published_at: datetime
    fetched_at: datetime = EPOCH
    version: int = 0
    kind: Kind = "post"
    title: str | None = None
    url: str | None = None
    author: Author | None = None
    engagement: Engagement = Engagement()
    parent_id: str | None = None
    thread_id: str | None = None
    rating: float | None = None
    region: str | None = None
    hashtags: tuple[str, ...] = ()
    media: tuple[str, ...] = ()
    brands: tuple[str, ...] = ()
    vendor_sentiment: str | None = None
    flags: tuple[str, ...] = ()
    deleted: bool = False

    @property
    def time_unknown(self) -> bool:
        """Whether `published_at` is a stand-in, such as the date of the file it came in."""
        return TIME_UNKNOWN in self.flags

    @property
    def full_text(self) -> str:
        """Title and text as one, the form that is matched, analysed and searched."""
        return f"{self.title}\n{self.text}" if self.title else self.text

    def digest(self) -> str:
        """Content fingerprint (16 hex characters) without `fetched_at`, `version` and `source`.

        Equal digests mean that saving again would change nothing.
        """
        same = msgspec.structs.replace(self, fetched_at=EPOCH, version=0, source="")
        return hashlib.blake2b(_encoder.encode(same), digest_size=8).hexdigest()


class Aspect(Document, frozen=True, kw_only=True):
    """One thing that is spoken of and how. `span` is (start, end) in `Mention.full_text`, in characters."""

    name: str
    sentiment: SentimentLabel
    span: tuple[int, int] | None = None
    evidence: str | None = None


class Picture(Document, frozen=True, kw_only=True):
    """What a picture of a mention says, masked like its text, or the problem that kept it from being read."""

    url: str
    text: str | None = None
    problem: str | None = None


class Analysis(Document, frozen=True, kw_only=True):
    """What the models say of one mention, and which models said it.

    `probabilities` holds negative, neutral, positive and sums to 1. `spam` and `sarcasm` are 0..1.
    `masked` counts what was masked in the text by kind, such as {"phone": 1}. `cluster` (15 hex digits) is shared
    by texts that are nearly the same, of whomever; None for a text too short to tell. The text in `pictures` was
    analysed with that of the mention; spans point into the mention's alone.
    """

    model: str
    model_version: str
    analysed_at: datetime
    lang: str | None
    sentiment: SentimentLabel
    probabilities: dict[str, float]
    aspects: tuple[Aspect, ...] = ()
    intents: tuple[str, ...] = ()
    spam: float | None = None
    sarcasm: float | None = None
    masked: dict[str, int] = {}
    cluster: str | None = None
    pictures: tuple[Picture, ...] = ()


class Correction(Document, frozen=True, kw_only=True):
    """A label set by a person. Re-scoring never overwrites it; the latest of a field wins.

    `value` is a sentiment label; or intents divided by commas, such as "complaint,question"; or aspects with
    their sentiment, such as "taste:negative,price:positive". `drawn`: the mention was picked at random for a
    check, so that its label, right or wrong, tells how good the model is. Other corrections cannot tell that:
    people correct what is wrong.
    """

    mention_id: str
    field: Literal["sentiment", "aspects", "intents"]
    value: str
    by: str
    at: datetime
    drawn: bool = False


class Record(Document, frozen=True, kw_only=True):
    """A mention as the store keeps it: what was said, what it means, and what people and links add.

    `sentiment` is the label to show: the person's when there is one, the model's otherwise.
    """

    mention: Mention
    analysis: Analysis
    corrected_sentiment: SentimentLabel | None = None
    customer_id: str | None = None
    koc: float | None = None

    @property
    def sentiment(self) -> SentimentLabel:
        return self.corrected_sentiment or self.analysis.sentiment


class Influence(Document, frozen=True, kw_only=True):
    """KOC score of one author for one brand, 0..100, with its parts (each 0..1) and one plain sentence."""

    author_id: str
    brand: str | None
    score: float
    tier: Literal["KOC", "KOL", "ordinary", "suspect"]
    parts: dict[str, float]
    reason_zh: str
    reason_en: str
    computed_at: datetime


class AuthorFacts(Document, frozen=True, kw_only=True):
    """What one author did about one brand in a period: what a KOC score is made of.

    `engagement` is the median of likes + comments + shares + saves over the posts of which it is known.
    `experience_posts`: praise, complaint or at least one aspect, and neither spam nor advertisement.
    `duplicate_posts`: posts whose normalised text another post about the brand has too, of anybody.
    `coordinated_posts`: posts of a cluster in which several accounts posted within a day (index/stores/posts.py).
    `burst_posts`: posts in runs of more than 5 within 10 minutes.
    """

    author: Author
    brand: str
    posts: int
    active_days: int
    first_at: datetime
    last_at: datetime
    engagement: float | None = None
    experience_posts: int = 0
    spam_posts: int = 0
    duplicate_posts: int = 0
    coordinated_posts: int = 0
    burst_posts: int = 0
    negative: int = 0
    neutral: int = 0
    positive: int = 0
    customer_id: str | None = None


class Customer(Document, frozen=True, kw_only=True):
    """A CRM customer. Contact data is kept as keyed hashes for matching and encrypted for display."""

    id: str
    name: str | None = None
    tier: str | None = None
    orders: int | None = None
    spend: float | None = None
    last_order_at: datetime | None = None
    last_order: str | None = None
    phone_hash: str | None = None
    email_hash: str | None = None
    contact_encrypted: str | None = None
    handles: dict[str, str] = {}
    tags: tuple[str, ...] = ()
    consent: bool | None = None


class Link(Document, frozen=True, kw_only=True):
    """An account tied to a customer, with the evidence. A rejected pair is never proposed again."""

    author_id: str
    customer_id: str
    status: Literal["linked", "unlinked", "rejected"]
    evidence: str
    by: str
    at: datetime
    reason: str | None = None
    mention_id: str | None = None


class CaseEvent(Document, frozen=True, kw_only=True):
    """One step in the course of a case: "opened", "mention", "assigned", "replied", "closed", "note"..."""

    at: datetime
    by: str
    action: str
    detail: str | None = None


class Case(Document, frozen=True, kw_only=True):
    """Something a person must answer: one case per brand, author and topic, later mentions merged in.

    `version` counts what people did to it: a step is refused when somebody else took one since it was read.
    `draft_reply` and `public_reply` are suggestions made when the case is read, never sent by themselves: the
    first names a known customer and their order, for a private message, the second never does. A case with
    `snoozed_until` in the future rests.
    """

    id: str
    rule: str
    topic: str
    brand: str
    state: CaseState
    reason: str
    reason_zh: str
    opened_at: datetime
    due_at: datetime
    updated_at: datetime
    author: Author | None = None
    customer_id: str | None = None
    mention_ids: tuple[str, ...] = ()
    draft_reply: str | None = None
    public_reply: str | None = None
    assignee: str | None = None
    praise: bool = False
    version: int = 0
    snoozed_until: datetime | None = None
    history: tuple[CaseEvent, ...] = ()


_encoder = msgspec.json.Encoder(order="deterministic")


def version_of(moment: datetime) -> int:
    """Milliseconds since the epoch, the unit of `Mention.version`."""
    return int(moment.timestamp() * 1000)


def encode(document: Document) -> bytes:
    """The document as JSON."""
    return _encoder.encode(document)


def to_builtins(document: Document) -> Any:
    """The document as plain dicts and lists, times as ISO strings: what `--json` prints."""
    return msgspec.to_builtins(document, str_keys=True)
