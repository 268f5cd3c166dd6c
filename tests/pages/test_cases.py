"""The service desk: the queue, a case worked to its end, a draft that survives, and two people at once."""

from __future__ import annotations

import pytest

from dashboard import safe
from index import settings as settings_file
from index.alerts.cases import Cases
from index.stores import open_store


@pytest.fixture
def cases(home):
    book = Cases(settings_file.load(home))
    yield book
    book.records.close()


def bodies(page) -> str:
    return "\n".join(e.proto.body for e in page.get("html"))


def first(cases):
    return cases.list(("new", "assigned"), limit=1)[0]


def test_the_most_urgent_case_is_open_with_conversation_customer_and_draft(home, cases, open_page):
    page = open_page("cases")
    assert not page.exception
    case = first(cases)
    assert page.text_area(key=f"draft-{case.id}").value == case.public_reply
    assert "还剩" in bodies(page)
    assert 'class="talk"' in bodies(page)


def test_the_queue_tells_its_cases_apart_by_what_was_said(home, cases, open_page):
    shown = bodies(open_page("cases"))
    (case,) = cases.list(("new", "assigned"), limit=1)
    store = open_store(settings_file.load(home))
    (record,) = store.get([case.mention_ids[-1]])
    store.close()
    assert f'one-line">{safe.text(record.mention.full_text)}<' in shown


def test_the_number_above_the_queue_is_that_of_the_chosen_brand(home, cases, open_page):
    waiting = len(cases.list(("new", "assigned")))
    assert f"待回应 {waiting}" in str(open_page("cases", brand="星云奶茶").segmented_control(key="queue").proto)
    assert f"待回应 {waiting}" not in str(open_page("cases", brand="云岭茶铺").segmented_control(key="queue").proto)


def test_a_reply_that_names_the_customer_or_their_order_is_marked_as_private(home, cases, open_page):
    of_customer = next(case for case in cases.list(("new", "assigned"), limit=100) if case.customer_id)
    page = open_page("cases", case=of_customer.id)
    assert not any("不要公开回复" in caption.value for caption in page.caption), "the public reply comes first"
    page.button(key=f"other-{of_customer.id}").click().run()
    said = [caption.value for caption in page.caption]
    assert any("不要公开回复" in each for each in said)
    page.text_area(key=f"draft-{of_customer.id}").input("谢谢你的反馈").run()
    assert not any("不要公开回复" in caption.value for caption in page.caption)


def test_a_customer_has_a_public_reply_beside_the_private_one(home, cases, open_page):
    case = next(case for case in cases.list(("new", "assigned"), limit=100) if case.customer_id)
    page = open_page("cases", case=case.id)
    box = f"draft-{case.id}"
    assert page.text_area(key=box).value == case.public_reply
    page.button(key=f"other-{case.id}").click().run()
    assert page.text_area(key=box).value == case.draft_reply
    page.button(key=f"other-{case.id}").click().run()
    assert page.text_area(key=box).value == case.public_reply
    page.text_area(key=box).input("我们自己的话").run()
    assert f"other-{case.id}" not in [button.key for button in page.button], "nothing typed is thrown away"


def test_a_half_written_reply_survives_leaving(home, cases, open_page):
    case = first(cases)
    page = open_page("cases", case=case.id)
    page.text_area(key=f"draft-{case.id}").input("您好，我们正在").run()
    again = open_page("cases", case=case.id)
    assert again.text_area(key=f"draft-{case.id}").value == "您好，我们正在"


def test_a_case_is_worked_to_replied(home, cases, open_page):
    case = first(cases)
    page = open_page("cases", case=case.id)
    page.button(key=f"take-{case.id}").click().run()
    page.text_area(key=f"draft-{case.id}").input("已为您重做一杯").run()
    page.button(key=f"send-{case.id}").click().run()
    assert not page.exception
    now = cases.get(case.id)
    assert now.state == "replied"
    assert any(event.action == "replied" and event.detail == "已为您重做一杯" for event in now.history)
    assert "已为您重做一杯" in bodies(page)
    assert page.text_area(key=f"draft-{case.id}").value == "", "what was sent is not offered again"
    assert page.button(key=f"send-{case.id}").disabled


def test_closing_needs_a_reason_and_the_case_can_come_back(home, cases, open_page):
    case = first(cases)
    page = open_page("cases", case=case.id)
    assert page.button(key=f"close-{case.id}").disabled
    page.text_input(key=f"close-text-{case.id}").input("已私信解决").run()
    page.button(key=f"close-{case.id}").click().run()
    assert cases.get(case.id).state == "closed"
    page.button(key=f"reopen-{case.id}").click().run()
    assert cases.get(case.id).state in ("new", "assigned")


def test_a_step_after_a_colleague_was_faster_changes_nothing(home, cases, open_page):
    case = first(cases)
    page = open_page("cases", case=case.id)
    page.session_state["reader_name"] = "小王"
    cases.assign(case.id, "小李", by="小李", seen=case.version)
    page.button(key=f"take-{case.id}").click()
    assert cases.get(case.id).assignee == "小李"


def test_the_queue_is_escaped_and_chosen_by_url(home, open_page):
    page = open_page("cases", queue="praise")
    assert not page.exception
    shown = bodies(open_page("cases"))
    assert "<b>坏人</b>" not in shown
    assert "&lt;b&gt;坏人&lt;/b&gt;" in shown


def test_an_unknown_case_is_told(home, open_page):
    page = open_page("cases", case="nope")
    assert not page.exception
    assert any("没有这个工单" in element.value for element in page.markdown)


def test_alerts_not_delivered_are_shown_with_the_reason_and_sent_again(home, cases, open_page):
    assert "没有送达" not in bodies(open_page("cases"))
    case = first(cases)
    cases.records.run(
        "INSERT INTO outbox (case_id, mention_id, channel, state, tries, created_at, next_at, error)"
        " VALUES (?, ?, 'ops', 'given_up', 12, '2026-01-01', '2026-01-01', '<i>HTTP 500</i>')",
        (case.id, case.mention_ids[-1]),
    )
    page = open_page("cases", case=case.id)
    assert "1 条提醒没有送达" in bodies(page)
    assert "&lt;i&gt;HTTP 500&lt;/i&gt;" in bodies(page)
    page.button(key="send-again").click().run()
    assert not page.exception
    assert "1 条正在再次发送" in [toast.value for toast in page.toast]
    assert cases.counts()["undelivered"] == 0
    assert "没有送达" not in bodies(page)
