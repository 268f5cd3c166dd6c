"""`earshot search`: mentions as lines for people or JSON for scripts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from dashboard.commands.filters import Filters, QueryText, build_query
from dashboard.commands.output import AsJson, all_fields, one_line, print_json

if TYPE_CHECKING:
    from index.documents import Record
    from index.stores.protocol import Hit

PAGE = 500


def search(
    query: QueryText = "",
    limit: Annotated[int, typer.Option(min=1, help="At most so many mentions.")] = 20,
    count: Annotated[bool, typer.Option("--count", help="Print only how many there are.")] = False,
    sort: Annotated[str, typer.Option(help="newest, relevance or engagement.")] = "newest",
    as_json: AsJson = False,
    since: Filters.Since = None,
    until: Filters.Until = None,
    brand: Filters.Brand = None,
    platform: Filters.Platform = None,
    sentiment: Filters.Sentiment = None,
    aspect: Filters.Aspect = None,
    intent: Filters.Intent = None,
    lang: Filters.Lang = None,
    source: Filters.Source = None,
    kind: Filters.Kind = None,
) -> None:
    """Find mentions. Words are AND, "a phrase", OR, -not, field:value, word*.

    \b
    earshot search '太甜 OR 太贵' --since 7d
    earshot search '"customer service" -refund' --brand "Lumi Care" --json
    earshot search 'platform:weibo sentiment:negative' --count
    """
    from dashboard.commands.parts import open_parts

    with open_parts() as parts:
        question = build_query(
            query,
            parts.settings,
            sort=sort,
            since=since,
            until=until,
            brands=brand,
            platforms=platform,
            sentiments=sentiment,
            aspects=aspect,
            intents=intent,
            langs=lang,
            sources=source,
            kinds=kind,
        )
        if count:
            print(parts.store.count(question))  # noqa: T201
            return
        cursor, left, zone = None, limit, ZoneInfo(parts.settings.timezone)
        while left > 0:
            page = parts.store.search(question, limit=min(left, PAGE), cursor=cursor, highlight=False)
            for hit in page.hits:
                print_json(as_line(hit.record)) if as_json else _print_hit(hit, zone)
            left -= len(page.hits)
            cursor = page.cursor
            if cursor is None:
                break


def as_line(record: Record) -> dict[str, Any]:
    """One mention as `--json` prints it: these keys exactly, null when unknown (docs/commands.md)."""
    mention, analysis = record.mention, record.analysis
    return {
        "id": mention.id,
        "platform": mention.platform,
        "url": mention.url,
        "text": mention.full_text,
        "published_at": mention.published_at,
        "lang": analysis.lang,
        "author": all_fields(mention.author),
        "brands": mention.brands,
        "sentiment": record.sentiment,
        "probabilities": analysis.probabilities,
        "aspects": all_fields(analysis.aspects),
        "intents": analysis.intents,
        "koc": record.koc,
        "customer_id": record.customer_id,
    }


def _print_hit(hit: Hit, zone: ZoneInfo) -> None:
    mention = hit.record.mention
    when = mention.published_at.astimezone(zone).strftime("%Y-%m-%d %H:%M")
    who = mention.author.name or mention.author.id if mention.author else "-"
    text = one_line(mention.full_text)
    text = text if len(text) <= 120 else text[:119] + "…"
    typer.echo(f"{when}  {mention.platform:<12} {hit.record.sentiment:<9} {one_line(who)}: {text}")


def add_to(app: typer.Typer) -> None:
    app.command()(search)
