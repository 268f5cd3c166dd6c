"""What the outbox does with any channel: pauses, tries, giving up, several processes, channels set up wrong."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from receivers import NOW, bell, complaint, waits
from waiting import until

from index.alerts import delivery
from index.alerts.cases import Cases
from index.alerts.channels import open_channel
from index.alerts.delivery import Deliverer, deliveries, pause, send_again
from index.errors import Retry, SettingsError
from index.settings import Channel


def test_a_throttled_receiver_is_left_alone_with_every_case_and_the_desk_is_not_held_up(hook, receiver):
    hook.hear(*(complaint(str(i), author=f"weibo:{i}") for i in range(10, 15)))
    receiver.answers = [(429, {"Retry-After": "120"}, b"")]
    hook.deliverer.deliver_due(NOW)
    assert len(receiver.got) == 1
    assert len(bell(hook.settings)) == 6
    hook.deliverer.deliver_due(NOW + timedelta(seconds=119))
    assert len(receiver.got) == 1
    hook.deliverer.deliver_due(NOW + timedelta(seconds=120))
    assert len(receiver.got) == 7


def test_after_many_tries_it_is_given_up_kept_shown_and_can_be_sent_again(hook, receiver):
    receiver.answers = [(500, {}, b"")] * delivery.MAX_TRIES
    at = NOW
    while hook.outbox("ops")[0][0] == "waiting":
        at += timedelta(hours=2)
        hook.deliverer.deliver_due(at)
    assert hook.outbox("ops") == [("given_up", delivery.MAX_TRIES)]
    assert Cases(hook.settings, hook.records).counts()["undelivered"] == 1
    (given_up,) = deliveries(hook.records, "given_up")
    assert "HTTP 500" in (given_up.error or "")
    before = len(receiver.got)
    assert send_again(hook.records, [given_up.id, 999], by="Li") == 1
    assert send_again(hook.records, [given_up.id], by="Wang") == 0, "a colleague's second click"
    hook.deliverer.deliver_due()
    assert hook.outbox("ops") == [("sent", 1)]
    assert len(receiver.got) == before + 1
    assert send_again(hook.records, [given_up.id], by="Li") == 0
    acts = hook.records.all("SELECT who, subject FROM audit WHERE what = 'delivery.again'")
    assert [tuple(act) for act in acts] == [("Li", str(given_up.id))]


def test_pauses_double_up_to_an_hour():
    assert [pause(Retry("x"), tries) for tries in (1, 2, 3, 9, 10, 50)] == [10, 20, 40, 2560, 3600, 3600]


def test_a_delivery_in_hand_is_not_sent_by_a_second_process(hook, receiver):
    receiver.hang = True
    hook.settings.channels[0].options["timeout"] = 60
    first = threading.Thread(target=hook.deliverer.deliver_due, args=(NOW,))
    first.start()
    other = Deliverer(hook.settings, hook.store, hook.records)
    assert receiver.asked.wait(120)
    receiver.hang = False
    other.deliver_due(NOW + timedelta(seconds=delivery.LEASE - 1))
    assert receiver.got == []
    receiver.release.set()
    first.join()
    other.deliver_due(NOW + timedelta(seconds=delivery.LEASE + 1))
    assert len(receiver.got) == 1


def test_the_loop_delivers_by_itself_until_it_is_stopped(hook, receiver):
    stop = threading.Event()
    loop = threading.Thread(target=hook.deliverer.run, args=(stop, 0.01))
    loop.start()
    until(lambda: hook.outbox("ops") == [("sent", 1)])
    stop.set()
    loop.join(120)
    assert not loop.is_alive()
    assert len(receiver.got) == 1


@pytest.mark.parametrize(
    ("channel", "reason"),
    [
        (Channel(name="x", type="pigeon"), "pigeon"),
        (Channel(name="x", type="webhook", url="https://example.com"), "signed"),
        (Channel(name="x", type="webhook", url="https://example.com", secret_env="NOT_SET"), "NOT_SET"),
        (Channel(name="x", type="webhook", url="http://example.com/", secret_env="OPS_SECRET"), "https"),
        (Channel(name="x", type="webhook", url="file:///etc/passwd", secret_env="OPS_SECRET"), "https"),
        (Channel(name="x", type="webhook", url="https://[::1", secret_env="OPS_SECRET"), "no address"),
        (Channel(name="x", type="webhook", url=None, secret_env="OPS_SECRET"), "https"),
        (
            Channel(name="x", type="webhook", url="http://[::1]/", secret_env="OPS_SECRET", options={"timeout": 0}),
            "timeout",
        ),
    ],
)
def test_a_channel_that_is_set_up_wrong_says_what_to_do(desk, channel, reason):
    home = desk()
    with pytest.raises(SettingsError, match=reason):
        open_channel(channel, home.settings)


@pytest.mark.parametrize("url", ["https://me:hunter2@[::1", "https://me:hunter2/@host/"])
def test_a_secret_in_an_address_that_is_none_is_never_told(desk, url):
    with pytest.raises(SettingsError) as told:
        open_channel(Channel(name="x", type="webhook", url=url, secret_env="OPS_SECRET"), desk().settings)
    assert "hunter2" not in str(told.value)


def test_a_channel_set_up_wrong_waits_for_a_person_and_says_why_on_the_desk(desk):
    home = desk(Channel(name="ops", type="webhook", url="https://example.com"))
    home.hear(complaint("1"))
    home.deliverer.deliver_due(NOW)
    assert waits(home) == delivery.PERSON_PAUSE
    assert "secret_env" in (deliveries(home.records, "waiting")[0].error or "")
