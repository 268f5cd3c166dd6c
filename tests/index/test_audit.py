"""The audit trail holds who, what, when and why, and nobody rewrites it."""

from __future__ import annotations

from contextlib import suppress

import apsw
import psycopg
import pytest

from index import audit


@pytest.fixture
def trail(records, now):
    with records.write() as transaction:
        for n in range(5):
            audit.record_act(transaction, now, who="Li", what="link", subject=f"C{n % 2}", why=None)
    return records


def test_entries_come_newest_first_by_subject_and_page_by_page(trail, now):
    assert [entry.id for entry in audit.entries(trail)] == [5, 4, 3, 2, 1]
    assert [entry.id for entry in audit.entries(trail, subject="C1")] == [4, 2]
    assert [entry.id for entry in audit.entries(trail, before=4, limit=2)] == [3, 2]
    assert audit.entries(trail)[0].at == now


@pytest.mark.parametrize("rewrite", ["UPDATE audit SET who = 'nobody'", "DELETE FROM audit WHERE id = 1"])
def test_nothing_in_it_is_changed_or_removed(trail, rewrite):
    with pytest.raises((apsw.ConstraintError, psycopg.errors.RaiseException), match="append-only"):
        trail.run(rewrite)
    assert len(audit.entries(trail)) == 5


def test_an_act_that_fails_leaves_no_entry(records, now):
    def act_and_fail():
        with records.write() as transaction:
            audit.record_act(transaction, now, who="Li", what="link", subject="C1", why=None)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        act_and_fail()
    assert audit.entries(records) == []


def test_acts_that_fail_leave_no_gap_so_a_gap_means_that_a_row_was_taken_away(records, now):
    for fails in (False, True, True, False):
        with suppress(ZeroDivisionError), records.write() as transaction:
            audit.record_act(transaction, now, who="Li", what="link", subject="C1", why=None)
            if fails:
                raise ZeroDivisionError
    assert [entry.id for entry in audit.entries(records)] == [2, 1]
