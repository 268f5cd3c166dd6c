"""Desks, deliverers and importers in several processes see one truth, in either database of the records."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from multiprocessing.queues import SimpleQueue
from multiprocessing.synchronize import Barrier
from typing import Any

import pytest

from index import audit
from index.alerts.cases import Cases
from index.alerts.delivery import Deliverer, deliveries
from index.alerts.engine import AlertEngine
from index.crm.contacts import open_contacts
from index.crm.customers import Customers
from index.documents import Customer
from index.errors import Conflict
from index.records import open_records
from index.settings import Settings
from index.stores import open_store

CASES = 12
Told = SimpleQueue[Any]


def _at_once(work: Callable[..., None], *args: Any, processes: int = 2) -> list[Any]:
    """What `work(name, meet, told, *args)` tells in each of several processes, which share nothing but servers."""
    spawn = multiprocessing.get_context("spawn")
    meet, told = spawn.Barrier(processes, timeout=300), spawn.SimpleQueue()
    running = [spawn.Process(target=work, args=(f"P{n}", meet, told, *args)) for n in range(processes)]
    for process in running:
        process.start()
    for process in running:
        process.join()
        assert process.exitcode == 0
    return [told.get() for _ in running]


@pytest.fixture
def opened(say, settings, store, records, now):
    mentions = [
        say(str(n), by=f"weibo:{n}", intents=("complaint",), aspects={"taste": "negative"}) for n in range(CASES)
    ]
    store.save(mentions)
    return AlertEngine(settings, store, records).consider(mentions, now)


def _reply(name: str, meet: Barrier, told: Told, settings: Settings, case_ids: list[str]) -> None:
    records = open_records(settings)
    cases = Cases(settings, records)
    answers = []
    for case_id in case_ids:
        seen = cases.get(case_id).version
        meet.wait()
        try:
            cases.reply(case_id, f"您好，{name}", by=name, seen=seen)
            answers.append("done")
        except Conflict as refused:
            answers.append(str(refused))
    records.close()
    told.put(answers)


def test_of_two_desks_that_answer_the_same_case_the_second_is_told_who_was_first(settings, records, opened):
    answers = _at_once(_reply, settings, [case.id for case in opened])
    for case, *both in zip(opened, *answers, strict=True):
        assert both.count("done") == 1
        (refused,) = (answer for answer in both if answer != "done")
        history = Cases(settings, records).get(case.id).history
        (reply,) = (event for event in history if event.action == "replied")
        assert refused.startswith(f"{reply.by} took a step meanwhile (replied")
        assert "your draft is kept" in refused
        assert [entry.who for entry in audit.entries(records, subject=case.id)] == [reply.by]


def _deliver(_: str, meet: Barrier, told: Told, settings: Settings) -> None:
    store, records = open_store(settings), open_records(settings)
    deliverer = Deliverer(settings, store, records)
    meet.wait()
    told.put(deliverer.deliver_due())
    store.close()
    records.close()


def test_two_deliverers_send_each_alert_once(settings, records, opened):
    sent = _at_once(_deliver, settings)
    assert sum(sent) == CASES
    assert [(one.state, one.tries) for one in deliveries(records)] == [("sent", 1)] * CASES
    assert sorted(notice.case_id for notice in Cases(settings, records).notices()) == sorted(c.id for c in opened)


def _bring(name: str, meet: Barrier, told: Told, settings: Settings) -> None:
    records = open_records(settings)
    customers = Customers(settings, records)
    meet.wait()
    told.put(customers.upsert([Customer(id=f"C{n}", name=f"客户{n}") for n in range(100)]).inserted)
    records.close()


def test_two_imports_of_the_same_customers_bring_each_once(settings, records):
    open_contacts(settings.home)
    assert sum(_at_once(_bring, settings)) == 100
    assert Customers(settings, records).counts()["customers"] == 100


def _open(name: str, meet: Barrier, told: Told, settings: Settings) -> None:
    meet.wait()
    records = open_records(settings)
    told.put(records.all("SELECT count(*) FROM cases"))
    records.close()


def test_processes_that_start_together_make_the_tables_once(settings):
    assert _at_once(_open, settings, processes=4) == [[(0,)]] * 4
