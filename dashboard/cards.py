"""A mention as a card: who said what where, what it means. HTML from escaped pieces only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from dashboard import safe, words
from dashboard.folding import Card
from dashboard.words import t
from index.documents import Customer, Mention, Record

SIGNS = {"negative": "−", "neutral": "○", "positive": "+", "unsure": "?"}


def sentiment_label(sentiment: str, *, corrected: bool = False) -> str:
    """A word, a sign and a colour."""
    by_hand = f" · {t('card.corrected')}" if corrected else ""
    name = words.name("sentiment", sentiment)
    return (
        f'<span class="label {safe.text(sentiment)}">{SIGNS.get(sentiment, "")} {safe.text(name)}{by_hand}</span>'
    )


def card(shown: Card, customer: Customer | None = None, *, whole: bool = False) -> str:
    """The card's HTML: label, platform, author, age, engagement; the text with highlights; tags."""
    record = shown.hit.record
    parts = [
        head(record, customer),
        body(record.mention, shown.hit.highlights, whole=whole),
        pictures(record),
        tags(record),
    ]
    if shown.same and shown.cluster is None:  # of a cluster the page offers the list
        parts.append(f'<div class="muted same">{t("card.same", n=shown.same)}</div>')
    return "".join(parts)


def head(record: Record, customer: Customer | None = None) -> str:
    mention = record.mention
    pieces = [
        sentiment_label(record.sentiment, corrected=record.corrected_sentiment is not None),
        f"<b>{safe.text(author_name(mention))}</b>",
        f'<span class="muted">{facts(mention)}</span>',
    ]
    right = [customer_badge(record, customer), koc_badge(record)]
    pieces += [f'<span class="right">{" ".join(filter(None, right))}</span>'] if any(right) else []
    return f'<div class="head">{"".join(pieces)}</div>'


def author_name(mention: Mention) -> str:
    author = mention.author
    return (author and (author.name or author.handle)) or t("card.no_author")


def facts(mention: Mention) -> str:
    """Platform, brands, age, place, audience and engagement, as far as known."""
    author, counts = mention.author, mention.engagement
    known = [
        words.name("platform", mention.platform),
        " / ".join(mention.brands),
        words.name("kind", mention.kind) if mention.kind != "post" else None,
        t("card.time_unknown") if mention.time_unknown else words.when(mention.published_at),
        mention.region or (author.region if author else None),
        t("card.followers", n=words.number(author.followers)) if author and author.followers is not None else None,
        t("card.rating", n=f"{mention.rating:g}") if mention.rating is not None else None,
    ]
    counted = (
        ("likes", counts.likes),
        ("comments", counts.comments),
        ("shares", counts.shares),
        ("views", counts.views),
    )
    known += [t(f"card.{name}", n=words.number(n)) for name, n in counted if n]
    return unbroken(fact for fact in known if fact)


def unbroken(facts: Iterable[str]) -> str:
    """Facts in a row; a line may end between two, not inside one."""
    return " · ".join(f'<span class="fact">{safe.text(fact)}</span>' for fact in facts)


def customer_badge(record: Record, customer: Customer | None) -> str:
    if record.customer_id is None:
        return ""
    about = t("card.customer")
    if customer and customer.orders is not None:
        about = t("card.customer_orders", n=customer.orders)
    return f'<span class="label accent">{safe.text(about)}</span>'


def koc_badge(record: Record) -> str:
    return (
        f'<span class="label plain">KOC {record.koc:.0f}</span>'
        if record.koc is not None and record.koc >= 60
        else ""
    )


def body(mention: Mention, spans: Sequence[tuple[int, int]] = (), *, whole: bool = False) -> str:
    """Title and text with the found words marked. `spans` count in `full_text`."""
    style = "card-text" if whole else "card-text folded"
    if not mention.title:
        return f'<div class="{style}">{safe.marked(mention.text, spans)}</div>'
    at = len(mention.title) + 1
    title = safe.marked(mention.title, [(a, b) for a, b in spans if a < at])
    text = safe.marked(mention.text, [(a - at, b - at) for a, b in spans if b > at])
    return f'<div class="{style}"><b>{title}</b>\n{text}</div>'


def pictures(record: Record) -> str:
    """The text found in pictures, apart from what was written."""
    said = [picture.text for picture in record.analysis.pictures if picture.text]
    lines = "".join(f'<div class="card-text folded">{safe.text(text)}</div>' for text in said)
    return f'<div class="in-picture"><span class="muted">{t("card.in_picture")}</span>{lines}</div>' if said else ""


def tags(record: Record) -> str:
    """Aspects and intents as labels, and a link to the original."""
    shown = dict.fromkeys((aspect.name, aspect.sentiment) for aspect in record.analysis.aspects)
    labels = [
        _tag(f"{words.name('aspect', name)} {SIGNS.get(sentiment, '')}", sentiment)
        for name, sentiment in list(shown)[:5]
    ]
    labels += [_tag(words.name("intent", intent), "plain") for intent in record.analysis.intents[:3]]
    pictures = len(record.mention.media)
    if pictures:
        labels.append(f'<span class="muted">{t("card.pictures", n=pictures)}</span>')
    original = safe.link(record.mention.url, t("card.original"))
    if original:
        labels.append(f'<span class="right">{original}</span>')
    return f'<div class="head tags">{"".join(labels)}</div>' if labels else ""


def _tag(text: str, tone: str) -> str:
    return f'<span class="label {safe.text(tone)}">{safe.text(text)}</span>'
