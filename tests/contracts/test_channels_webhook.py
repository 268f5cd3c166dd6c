"""The webhook: what its receiver sees, what it may answer, and what then becomes of the alert."""

from __future__ import annotations

import json
import threading
import time
from datetime import timedelta

import msgspec
import pytest
from receivers import NOW, RECEIVERS, SECRET, complaint, waits

from index.alerts.channels.webhook import error_in, fault_of, sign, verify
from index.alerts.delivery import deliveries
from index.errors import AuthFailed, Blocked, Retry, Throttled


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


@pytest.mark.parametrize(
    ("status", "fault"),
    [(204, None), (400, Blocked), (403, AuthFailed), (408, Retry), (429, Throttled), (502, Retry)],
)
def test_each_status_has_its_meaning(status, fault):
    import httpx2

    found = fault_of(status, httpx2.Headers(), b"")
    assert found is None if fault is None else type(found) is fault
