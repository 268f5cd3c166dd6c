"""Gatherers share the sources: one polls each, another follows when it dies, and a late one moves nothing back."""

from __future__ import annotations

from datetime import timedelta

import pytest

from index.claims import CLAIM, Claims
from index.errors import Conflict
from index.sources import Sources


@pytest.fixture
def sources(settings, records):
    return Sources(settings, records)


def test_a_source_is_polled_by_one_gatherer_until_it_lets_go(records, now):
    one, other = Claims(records), Claims(records)
    assert one.take("news", 0, now)
    assert not other.take("news", 0, now)
    assert other.of_others(now) == {"news"}
    assert one.of_others(now) == set()
    one.release("news")
    assert other.of_others(now) == set()
    assert other.take("news", 0, now)


def test_a_source_that_was_polled_since_it_was_found_due_is_not_polled_again(records, sources, now):
    one, late = Claims(records), Claims(records)
    assert one.take("news", 0, now)
    sources.save("news", {"since": 1}, 1, now, owner=one.owner)
    one.release("news")
    assert not late.take("news", 0, now)
    assert late.take("news", 1, now)


def test_a_claim_lasts_while_it_is_renewed_and_ends_with_its_gatherer(records, now):
    one, other = Claims(records), Claims(records)
    assert one.take("news", 0, now)
    later = now + CLAIM - timedelta(seconds=1)
    one.renew({"news", "else"}, later)
    assert not other.take("news", 0, now + CLAIM)
    assert other.take("news", 0, later + CLAIM)


def test_a_gatherer_that_slept_through_its_claim_moves_no_cursor_back(records, sources, now):
    sleeper, other = Claims(records), Claims(records)
    sleeper.take("news", 0, now)
    assert other.take("news", 0, now + CLAIM)
    sources.save("news", {"since": 2}, 1, now + CLAIM, owner=other.owner)
    other.release("news")
    with pytest.raises(Conflict, match="took 'news' over"):
        sources.save("news", {"since": 1}, 1, now, owner=sleeper.owner)
    with pytest.raises(Conflict, match="took 'news' over"):
        sources.fail("news", "retry", "timeout", None, at=now, owner=sleeper.owner)
    assert sources.cursor("news") == {"since": 2}
    assert sources.standings()["news"].error_kind is None
