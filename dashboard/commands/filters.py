"""The filters of `search` and `export`, and the question they make."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, get_args
from zoneinfo import ZoneInfo

import typer

if TYPE_CHECKING:
    from index.query import MentionQuery
    from index.settings import Settings

T = TypeVar("T", bound=str)
QueryText = Annotated[str, typer.Argument(help="What to look for; empty finds everything.", show_default=False)]


class Filters:
    """Types of the options; repeating one means OR, different ones mean AND."""

    Since = Annotated[
        str | None, typer.Option(metavar="TIME", help="2026-08-14, '2026-08-14 09:00', 7d, 24h or today.")
    ]
    Until = Annotated[str | None, typer.Option(metavar="TIME", help="Exclusive; as --since.")]
    Brand = Annotated[list[str] | None, typer.Option(metavar="NAME", help="This brand; repeatable, as below.")]
    Platform = Annotated[list[str] | None, typer.Option(metavar="NAME", help="weibo, douyin, xiaohongshu ...")]
    Sentiment = Annotated[
        list[str] | None, typer.Option(metavar="LABEL", help="negative, neutral, positive, unsure.")
    ]
    Aspect = Annotated[list[str] | None, typer.Option(metavar="NAME", help="taste, price, quality ...")]
    Intent = Annotated[list[str] | None, typer.Option(metavar="NAME", help="complaint, question, praise ...")]
    Lang = Annotated[list[str] | None, typer.Option(metavar="CODE", help="zh, yue, en ...")]
    Source = Annotated[list[str] | None, typer.Option(metavar="NAME", help="Name of a source.")]
    Kind = Annotated[list[str] | None, typer.Option(metavar="NAME", help="post, comment, review or article.")]


def build_query(
    text: str, settings: Settings, *, sort: str, since: str | None, until: str | None, **filters: Any
) -> MentionQuery:
    """Raises QueryError for the text, typer.BadParameter for an option."""
    from index.documents import INTENTS, SENTIMENTS, Kind
    from index.query import MentionQuery, Sort
    from index.query_language import parse

    parse(text)  # a mistake is told before anything is opened or asked
    order: Sort = one_of("--sort", sort, get_args(Sort))
    for option, allowed in (("sentiment", SENTIMENTS), ("intent", INTENTS), ("kind", get_args(Kind))):
        for value in filters.get(f"{option}s") or ():
            one_of(f"--{option}", value, allowed)
    zone = ZoneInfo(settings.timezone)
    chosen: dict[str, Any] = {name: tuple(values) for name, values in filters.items() if values}
    moments: dict[str, Any] = {"since": read_moment(since, zone), "until": read_moment(until, zone)}
    return MentionQuery(text=text, sort=order, **moments, **chosen)


def one_of(option: str, value: str, allowed: Sequence[T]) -> T:
    """The value when it is among the allowed ones. Raises typer.BadParameter."""
    found = next((each for each in allowed if each == value), None)
    if found is None:
        raise typer.BadParameter(f"{option} {value!r}: write one of {', '.join(allowed)}.")
    return found


def read_moment(text: str | None, zone: ZoneInfo) -> datetime | None:
    """A date, a time, "7d" or "24h" ago, or "today", in the home's time zone."""
    if text is None:
        return None
    now = datetime.now(zone)
    if found := re.fullmatch(r"(\d{1,5})([hdw])", text.strip()):
        hours = int(found[1]) * {"h": 1, "d": 24, "w": 168}[found[2]]
        return (now - timedelta(hours=hours)).astimezone(UTC)
    if text.strip() == "today":
        return now.replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)
    try:
        moment = datetime.fromisoformat(text.strip())
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise typer.BadParameter(
            f"{text!r} is no time. Write 2026-08-14, '2026-08-14 09:00', 7d or today."
        ) from error
