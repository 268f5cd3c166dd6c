"""What every inbox promises whatever happens in whatever order. The single steps are in test_inboxes.py."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from inboxes import INBOXES, MAX_TRIES, address_of, item, lease, of

from index.inbox import open_inbox
from index.inbox.protocol import Item, Leased
from index.settings import Settings

TERMINAL = ("saved", "duplicate", "erased", "given_up", "quarantined")


class FiveEnds(RuleBasedStateMachine):
    """Whatever happens in whatever order: each item put is waiting, leased, or in exactly one end."""

    address: ClassVar[Callable[[], str]]  # of an empty inbox

    @initialize()
    def start(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        settings = Settings(home=Path(self.folder.name), inbox=type(self).address(), max_tries=MAX_TRIES)
        self.inbox = open_inbox(settings)
        self.put_in: dict[str, int] = {"a": 0, "b": 0}
        self.hands: list[Leased] = []

    def teardown(self) -> None:
        if hasattr(self, "inbox"):
            self.inbox.close()
            self.folder.cleanup()

    @rule(
        numbers=st.lists(st.integers(0, 5), max_size=6),
        version=st.integers(1, 4),
        batch=st.sampled_from(["a", "b"]),
        author=st.sampled_from(["u1", "u2"]),
    )
    def put(self, numbers: list[int], version: int, batch: str, author: str) -> None:
        self.inbox.put([item(n, version=version, batch=batch, author=author) for n in numbers])
        self.put_in[batch] += len(numbers)

    @rule(limit=st.integers(1, 5), lapses=st.booleans())
    def lease(self, limit: int, lapses: bool) -> None:
        self.hands += lease(self.inbox, limit, 0.0 if lapses else 60.0)

    @precondition(lambda self: self.hands)
    @rule(
        data=st.data(),
        act=st.sampled_from(["saved", "duplicate", "erased", "retry", "put_back", "quarantine"]),
        keep=st.booleans(),
    )
    def answer(self, data: st.DataObject, act: str, keep: bool) -> None:
        """`keep`: the worker answers once more later, as one does that was paused."""
        chosen = data.draw(st.lists(st.sampled_from(self.hands), min_size=1, max_size=3))
        if act == "retry":
            self.inbox.retry(chosen, "busy", delay=0.0)
        elif act == "put_back":
            self.inbox.put_back(chosen)
        elif act == "quarantine":
            self.inbox.quarantine(chosen[0], "bad")
        else:
            self.inbox.ack(chosen, act)  # type: ignore[arg-type]
        if not keep:
            self.hands = [one for one in self.hands if one not in chosen]

    @rule(author=st.sampled_from(["u1", "u2"]))
    def erase(self, author: str) -> None:
        self.inbox.erase_author(f"weibo:{author}")

    @rule()
    def replay(self) -> None:
        for kept in self.inbox.take_quarantined([entry.id for entry in self.inbox.quarantined()]):
            assert kept.mention
            assert kept.batch
            self.inbox.put([Item(mention=kept.mention, raw=kept.raw, batch=kept.batch)])
            self.put_in[kept.batch] += 1

    @invariant()
    def nothing_is_lost_or_doubled(self) -> None:
        if not hasattr(self, "inbox"):
            return
        for batch, expected in self.put_in.items():
            counts = of(self.inbox, batch=batch)
            accounted = sum(counts.get(end, 0) for end in (*TERMINAL, "waiting", "leased"))
            assert accounted == expected
            assert counts.get("waiting", 0) + counts.get("leased", 0) == self.inbox.depth(batch=batch)


@pytest.mark.parametrize("kind", INBOXES)
def test_five_ends(kind: str, request: pytest.FixtureRequest) -> None:
    machine = type(f"FiveEnds_{kind}", (FiveEnds,), {"address": staticmethod(lambda: address_of(kind, request))})
    limits = hypothesis_settings(max_examples=40, stateful_step_count=25, deadline=None)
    run_state_machine_as_test(machine, settings=limits)
