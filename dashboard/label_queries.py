"""What pages ask and tell about labels set by people; see handles and queries."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

from dashboard.handles import Desk, State, desk, keep
from index.documents import Correction, Record
from index.labels.accuracy import GroupAccuracy, by_group
from index.labels.drift import Watched, watch
from index.labels.rows import Field, labelled
from index.labels.sample import draw
from index.query import MentionQuery
from nlp.own_categories import Fitted, report

PERIOD = timedelta(days=30)  # mentions that are drawn for a check: of these days, not of last year
HOUR = 3600  # seconds
MOST_DRAWN = 200  # drawn at once, to leave some when those drawn before are taken out


def correct(mention_id: str, field: Field, value: str, by: str, *, drawn: bool = False) -> Record:
    """Keep a person's label. A mention once drawn for a check stays a drawn one. Raises NotFound."""
    here = desk()
    drawn = drawn or any(c.mention_id == mention_id and c.drawn for c in corrections())
    kept = Correction(mention_id=mention_id, field=field, value=value, by=by, at=datetime.now(UTC), drawn=drawn)
    record = here.ask(here.store.correct, kept)
    here.changed_here()
    return record


def corrections() -> list[Correction]:
    here = desk()
    return here.ask(lambda: list(here.store.corrections()))


def accuracy() -> list[GroupAccuracy]:
    """How often the model's sentiment is the person's, by platform and language."""
    return _accuracy(desk(), desk().state())


@keep()
def _accuracy(_desk: Desk, state: State) -> list[GroupAccuracy]:  # noqa: ARG001
    return _desk.ask(lambda: by_group(labelled(_desk.store)))


def drift() -> Watched:
    """Whether labels still look as they did; an hour old, while the store is young always new."""
    return _drift(desk(), desk().slow_state(HOUR))


@keep()
def _drift(_desk: Desk, state: State) -> Watched:  # noqa: ARG001
    return _desk.ask(watch, _desk.store, datetime.now(UTC))


def own_categories() -> dict[str, Fitted | None]:
    """The brand's own categories as they were fitted last; None for one that no worker has met yet."""
    settings = desk().settings
    kept = report(settings) if settings.categories else None
    fitted = {one.name: one for one in kept.categories} if kept else {}
    return {category.name: fitted.get(category.name) for category in settings.categories}


def draw_sample(platform: str | None, count: int) -> list[str]:
    """Ids of mentions of PERIOD drawn at random, without those that were drawn before."""
    here = desk()
    before = {c.mention_id for c in corrections() if c.drawn}
    query = MentionQuery(
        since=datetime.now(UTC) - PERIOD, platforms=(platform,) if platform else (), hide_spam=True
    )
    drawn = here.ask(draw, here.store, query, min(count + len(before), MOST_DRAWN), Random())
    return [record.mention.id for record in drawn if record.mention.id not in before][:count]
