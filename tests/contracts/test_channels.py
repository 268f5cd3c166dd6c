"""What every channel promises, each against a real receiver: a local HTTP server, and the desk's own file.

A case reaches its receiver once, is tried again after a fault, waits when told to, and is kept when given up.
A new channel is added to RECEIVERS in tests/fixtures/receivers.py.
"""

from __future__ import annotations

from datetime import timedelta

import pytest
from receivers import NOW, RECEIVERS, bell, complaint

from index.alerts import delivery
from index.alerts.channels import channel_types, open_channel
from index.errors import StoreError


@pytest.fixture(params=sorted(RECEIVERS))
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


def test_every_file_in_the_folder_is_a_channel_and_held_to_this_contract():
    assert set(channel_types()) == set(RECEIVERS)


def test_each_case_reaches_the_receiver_once_however_often_it_is_asked(kind, desk, receiver):
    configure, got = RECEIVERS[kind]
    channel = configure(receiver)
    home = desk(channel)
    cases = home.hear(complaint("1"), complaint("2"), complaint("3", author="weibo:8"))
    for _ in range(3):
        home.deliverer.deliver_due(NOW)
        home.hear(complaint("1"), complaint("4"))
    assert sorted(got(receiver, home.settings)) == sorted(case.id for case in cases)
    assert home.outbox(channel.name) == [("sent", 1)] * 2


def test_a_repeat_after_a_crash_can_be_told_by_the_case_id(kind, desk, receiver):
    configure, got = RECEIVERS[kind]
    home = desk(configure(receiver))
    (case,) = home.hear(complaint("1"))
    channel = open_channel(configure(receiver), home.settings)
    channel.send(case, complaint("1"), home.settings)
    channel.send(case, complaint("1"), home.settings)
    assert set(got(receiver, home.settings)) == {case.id}


def test_nothing_private_and_nothing_removed_is_sent(kind, desk, receiver):
    configure, got = RECEIVERS[kind]
    channel = configure(receiver)
    home = desk(channel)
    home.hear(complaint("1"))
    home.store.delete(["weibo:1"])
    assert home.deliverer.deliver_due(NOW) == 0
    assert got(receiver, home.settings) == []
    assert home.outbox(channel.name) == [("dropped", 1)]


def test_while_the_store_is_away_alerts_wait_and_lose_no_try(kind, desk, receiver):
    configure, got = RECEIVERS[kind]
    channel = configure(receiver)
    home = desk(channel)
    (case,) = home.hear(complaint("1"))
    home.store.close()
    file = home.settings.path(home.settings.store)
    kept = file.read_bytes()
    file.write_bytes(b"no database" * 1000)
    for minute in range(delivery.MAX_TRIES + 2):
        with pytest.raises(StoreError):
            home.deliverer.deliver_due(NOW + timedelta(minutes=minute))
    file.write_bytes(kept)
    home.deliverer.deliver_due(NOW + timedelta(minutes=60))
    assert set(got(receiver, home.settings)) == {case.id}
    assert home.outbox(channel.name) == [("sent", 1)]


def test_the_desk_is_told_whatever_the_rules_say(desk):
    home = desk()
    (case,) = home.hear(complaint("1"))
    home.deliverer.deliver_due(NOW)
    assert bell(home.settings) == [case.id]
