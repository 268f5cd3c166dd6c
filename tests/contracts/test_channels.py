"""What every channel promises, each against a real receiver: a local HTTP server, and the desk's own file.

A case reaches its receiver once, is tried again after a fault, waits when told to, and is kept when given up.
To hold a new channel to the contract, add how it is configured and how its receiver is read to RECEIVERS.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pytest
from waiting import until

from index.alerts import delivery
from index.alerts.cases import Cases
from index.alerts.channels import channel_types, open_channel
from index.alerts.channels.webhook import error_in, fault_of, sign, verify
from index.alerts.delivery import Deliverer, deliveries, pause, send_again
from index.alerts.engine import AlertEngine
from index.documents import Analysis, Aspect, Author, Case, Mention, Record
from index.errors import AuthFailed, Blocked, Retry, SettingsError, StoreError, Throttled
from index.records import open_records
from index.settings import Brand, Channel, Rule, Settings
from index.stores import open_store

NOW = datetime(2026, 8, 14, 4, 0, tzinfo=UTC)
SECRET = "一个只有两边知道的密钥"


class Receiver:
    """An HTTP server that keeps what it gets and answers what it is told, first come first used, then 200."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[tuple[int, dict[str, str], bytes]] = []
        self.asked, self.release = threading.Event(), threading.Event()
        self.hang = self.drip = False
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if receiver.hang:
                    receiver.asked.set()
                    receiver.release.wait(300)
                    return
                if receiver.drip:  # a header that does not end: each byte in time, the whole never
                    self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
                    while not receiver.release.wait(0.05):
                        self.wfile.write(b".")
                    return
                receiver.got.append(({k.lower(): v for k, v in self.headers.items()}, body))
                status, headers, answer = receiver.answers.pop(0) if receiver.answers else (200, {}, b"ok")
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(answer))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def stop(self) -> None:
        self.release.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    started = Receiver()
    yield started
    started.stop()


# type -> (configuration, what its receiver got: the case ids)
Configure = Callable[[Receiver], Channel]
RECEIVERS: dict[str, tuple[Configure, Callable[[Receiver, Settings], list[str]]]] = {
    "webhook": (
        lambda receiver: Channel(name="ops", type="webhook", url=receiver.url, secret_env="OPS_SECRET"),
        lambda receiver, settings: [headers["earshot-delivery"] for headers, _ in receiver.got],
    ),
    "desk": (
        lambda receiver: Channel(name="second desk", type="desk"),
        lambda receiver, settings: _bell(settings),
    ),
}


def _bell(settings: Settings) -> list[str]:
    cases = Cases(settings)
    rung = [notice.case_id for notice in cases.notices()]
    cases.records.close()
    return rung


def complaint(native_id: str, author: str = "weibo:7") -> Record:
    return Record(
        mention=Mention(
            id=f"weibo:{native_id}",
            platform="weibo",
            source="test",
            text="太甜了 <b>\u202e",
            published_at=NOW,
            fetched_at=NOW,
            author=Author(id=author, name="小鹿"),
            brands=("星野咖啡",),
        ),
        analysis=Analysis(
            model="test",
            model_version="1",
            analysed_at=NOW,
            lang="zh-Hans",
            sentiment="negative",
            probabilities={"negative": 0.9, "neutral": 0.05, "positive": 0.05},
            aspects=(Aspect(name="taste", sentiment="negative"),),
            intents=("complaint",),
        ),
    )


class Desk:
    """Everything between a mention and a channel, on one home folder."""

    def __init__(self, home: Path, *channels: Channel) -> None:
        rule = Rule(name="complaint", kind="complaint_aspect", channels=tuple(c.name for c in channels))
        self.settings = Settings(home=home, brands=(Brand(name="星野咖啡"),), rules=(rule,), channels=channels)
        (home / ".env").write_text(f"OPS_SECRET={SECRET}\n", encoding="utf-8")
        self.store = open_store(self.settings)
        self.records = open_records(self.settings)
        self.deliverer = Deliverer(self.settings, self.store, self.records, jitter=lambda: 1.0)

    def hear(self, *records: Record) -> list[Case]:
        self.store.save(records)
        return AlertEngine(self.settings, self.store, self.records).consider(records, NOW)

    def outbox(self, channel: str) -> list[tuple[str, int]]:
        return [(one.state, one.tries) for one in deliveries(self.records) if one.channel == channel]

    def close(self) -> None:
        self.store.close()
        self.records.close()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Callable[..., Desk]]:
    opened: list[Desk] = []

    def start(*channels: Channel) -> Desk:
        opened.append(Desk(tmp_path, *channels))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


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
    assert _bell(home.settings) == [case.id]


# The webhook: what its receiver sees, and what it may answer


@pytest.fixture
def hook(desk, receiver):
    home = desk(RECEIVERS["webhook"][0](receiver))
    home.hear(complaint("1"))
    return home


def waits(home: Desk) -> float:
    (one,) = [d for d in deliveries(home.records, "waiting") if d.channel == "ops"]
    return (one.next_at - NOW).total_seconds()


def test_a_receiver_can_verify_the_signature_and_read_the_case(hook, receiver):
    hook.deliverer.deliver_due()
    ((headers, body),) = receiver.got
    signature = headers["earshot-signature"]
    assert verify(SECRET, signature, body)
    assert not verify("another secret", signature, body)
    assert not verify(SECRET, signature, body + b" ")
    assert not verify(SECRET, signature, body, now=time.time() + 301)
    sent = json.loads(body)
    assert sent["event"] == "case.opened"
    assert (sent["case"]["id"], sent["case"]["topic"]) == (headers["earshot-delivery"], "taste")
    assert sent["mention"]["text"] == "太甜了 <b>\u202e"
    assert sent["case"]["draft_reply"].startswith("小鹿您好")


@pytest.mark.parametrize(
    "header", ["", "t=,v1=", "t=1", "v1=00", "t=x,v1=y", "t=9999999999999999999,v1=", "é=ü,,="]
)
def test_a_broken_signature_header_is_refused_not_an_error(header):
    assert verify(SECRET, header, b"{}") is False


def test_the_documented_signature_of_a_known_body():
    """Computed with: printf '%s' '1790000000.{"a":1}' | openssl dgst -sha256 -hmac geheim"""
    known = "t=1790000000,v1=8a873684be9ef5d6db1f8a0516f8bca02535de567e3cb0a62e0f69ce5a00a0bc"
    assert sign("geheim", b'{"a":1}', 1790000000) == known


@pytest.mark.parametrize(
    ("answer", "wait"),
    [
        ((500, {}, b""), 10.0),
        ((503, {}, b""), 10.0),
        ((429, {"Retry-After": "77"}, b""), 77.0),
        ((503, {"Retry-After": "33"}, b""), 33.0),
        ((429, {}, b""), 60.0),
        ((200, {}, b'{"errcode": 310000, "errmsg": "sign not match"}'), 10.0),
        ((200, {}, b'{"StatusCode": 19024}'), 10.0),
        ((200, {}, b'{"success": false}'), 10.0),
        ((401, {}, b""), 900.0),
        ((404, {}, b""), 900.0),
        ((302, {"Location": "/elsewhere"}, b""), 900.0),
    ],
)
def test_a_refused_delivery_is_tried_again_when_the_answer_allows(hook, receiver, answer, wait):
    receiver.answers = [answer]
    hook.deliverer.deliver_due(NOW)
    assert hook.outbox("ops") == [("waiting", 1)]
    assert waits(hook) == wait
    hook.deliverer.deliver_due(NOW + timedelta(seconds=wait - 1))
    assert len(receiver.got) == 1
    hook.deliverer.deliver_due(NOW + timedelta(seconds=wait))
    assert len(receiver.got) == 2
    assert hook.outbox("ops") == [("sent", 2)]


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"ok",
        b"<p>thanks</p>",
        b'{"errcode":0}',
        b'{"code":"200"}',
        b"[1]",
        b"{",
        b'{"code":"--5"}',
        '{"code":"²"}'.encode(),
    ],
)
def test_a_yes_is_a_yes_in_whatever_words(answer):
    assert error_in(answer) is None


def test_a_throttled_receiver_is_left_alone_with_every_case_and_the_desk_is_not_held_up(hook, receiver):
    hook.hear(*(complaint(str(i), author=f"weibo:{i}") for i in range(10, 15)))
    receiver.answers = [(429, {"Retry-After": "120"}, b"")]
    hook.deliverer.deliver_due(NOW)
    assert len(receiver.got) == 1
    assert len(_bell(hook.settings)) == 6
    hook.deliverer.deliver_due(NOW + timedelta(seconds=119))
    assert len(receiver.got) == 1
    hook.deliverer.deliver_due(NOW + timedelta(seconds=120))
    assert len(receiver.got) == 7


def test_a_receiver_that_does_not_answer_costs_its_timeout_and_is_tried_again(desk, receiver):
    receiver.hang = True
    channel = msgspec.structs.replace(RECEIVERS["webhook"][0](receiver), options={"timeout": 0.2})
    home = desk(channel)
    home.hear(complaint("1"))
    home.deliverer.deliver_due(NOW)
    assert home.outbox("ops") == [("waiting", 1)]
    assert "did not answer" in (deliveries(home.records, "waiting")[0].error or "")


def test_a_receiver_that_answers_without_end_costs_no_more_than_its_timeout(desk, receiver):
    receiver.drip = True
    home = desk(msgspec.structs.replace(RECEIVERS["webhook"][0](receiver), options={"timeout": 0.5}))
    home.hear(complaint("1"))
    end = threading.Timer(20, receiver.release.set)
    end.start()
    home.deliverer.deliver_due(NOW)
    end.cancel()
    assert not receiver.release.is_set()
    assert home.outbox("ops") == [("waiting", 1)]


def test_a_receiver_that_is_not_there_is_tried_again(desk, receiver):
    receiver.stop()
    home = desk(RECEIVERS["webhook"][0](receiver))
    home.hear(complaint("1"))
    home.deliverer.deliver_due(NOW)
    assert home.outbox("ops") == [("waiting", 1)]


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


def test_a_channel_set_up_wrong_waits_for_a_person_and_says_why_on_the_desk(desk):
    home = desk(Channel(name="ops", type="webhook", url="https://example.com"))
    home.hear(complaint("1"))
    home.deliverer.deliver_due(NOW)
    assert waits(home) == delivery.PERSON_PAUSE
    assert "secret_env" in (deliveries(home.records, "waiting")[0].error or "")


@pytest.mark.parametrize(
    ("status", "fault"),
    [(204, None), (400, Blocked), (403, AuthFailed), (408, Retry), (429, Throttled), (502, Retry)],
)
def test_each_status_has_its_meaning(status, fault):
    import httpx2

    found = fault_of(status, httpx2.Headers(), b"")
    assert found is None if fault is None else type(found) is fault
