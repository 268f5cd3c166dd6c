"""The desk in a real browser: pages open clean, search, correction, a case worked, text that stays text."""

from __future__ import annotations

import csv
import io
import re
import time

import pytest
from playwright.sync_api import expect

from index import settings as settings_file
from index.alerts.cases import Cases
from index.stores import open_store

FIRST_PICTURE = {
    "": "[data-testid=stMetricValue]",
    "mentions": ".card-text",
    "cases": ".talk",
    "influencers?period=all": ".score",
    "customers?customer=C1002": ".facts",
    "sources": ".trouble",
}


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("path", FIRST_PICTURE)
def test_each_page_opens_without_complaint_and_fits_its_screen(visit, path, width):
    page = visit(path, width=width)
    expect(page.locator(FIRST_PICTURE[path]).first).to_be_attached()
    expect(page.locator("[data-testid=stException]")).to_have_count(0)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth") <= width


def test_on_a_phone_a_number_says_what_it_is_compared_with_to_the_end(visit):
    page = visit("?lang=en&period=7d", width=390)
    note = page.locator("[data-testid=stMetricDeltaDescription]").first
    expect(note).to_have_text("vs. previous 7 days")
    inside = "one => [...one.querySelectorAll('div'), one].every(part => part.scrollWidth <= part.clientWidth)"
    assert note.evaluate(inside)
    note.evaluate("one => one.querySelector('p').textContent = 'most urgent: 59 min left of some'")
    assert note.evaluate(inside)


def test_the_language_is_the_browsers_and_can_be_changed(visit):
    page = visit(locale="en-US")
    expect(page.locator("h1.page")).to_have_text("Overview")
    page.get_by_text("English").click()
    page.get_by_role("radio", name="中文").or_(page.get_by_role("button", name="中文")).first.click()
    expect(page.locator("h1.page")).to_have_text("概览")
    expect(page).to_have_url(re.compile("lang=zh"))


def test_text_from_outside_runs_nothing(visit):
    page = visit("mentions")
    expect(page.get_by_text("window.pwned=1").first).to_be_visible()
    assert page.evaluate("window.pwned") is None
    assert page.locator(".card-text img, .card-text script, .head b b").count() == 0
    assert page.locator("a[href^='javascript']").count() == 0


def test_searching_while_typing_marks_the_words_and_fills_the_url(visit):
    page = visit("mentions?period=all")
    page.get_by_role("searchbox").or_(page.locator("input[type=search]")).first.fill("太甜")
    expect(page.locator("mark").first).to_have_text("太甜")
    expect(page).to_have_url(re.compile("q=%E5%A4%AA%E7%94%9C"))


def test_a_bar_of_the_overview_opens_the_mentions_behind_it(visit):
    page = visit("?period=all")
    page.locator(".st-key-chart_aspects path[aria-roledescription='bar']").first.click()
    expect(page.locator("h1.page")).to_have_text("提及")
    expect(page).to_have_url(re.compile("aspect=taste"))


def test_correcting_a_label(visit, home):
    page = visit("mentions?sentiment=positive&period=all")
    page.locator("[class*=st-key-label-] button").first.click()
    drawer = page.get_by_role("dialog")
    drawer.get_by_role("radio", name="负面").or_(drawer.get_by_role("button", name="负面")).first.click()
    drawer.get_by_role("button", name="保存").click()
    expect(page.get_by_text("已改为“负面”")).to_be_visible()
    store = open_store(settings_file.load(home))
    assert [(correction.value, correction.by) for correction in store.corrections()] == [("negative", "坐席")]
    store.close()


def test_why_opens_a_drawer_with_the_model(visit):
    page = visit("mentions")
    page.locator("[class*=st-key-why-] button").first.click()
    expect(page.get_by_role("dialog").get_by_text("earshot-sentiment 1")).to_be_visible()


def test_a_case_is_worked_to_replied_and_the_draft_survives_a_reload(visit, home):
    cases = Cases(settings_file.load(home))
    page = visit("cases")
    area = page.locator(".st-key-reply-box textarea")
    page.locator("[class*=st-key-open-case-]").nth(2).locator("button").click()
    expect(page).to_have_url(re.compile("case="))
    case_id = re.search(r"case=([^&]+)", page.url)[1]
    expect(page.locator("[data-test-script-state=notRunning]")).to_be_attached()
    expect(area).to_have_count(1)  # the box of the case before is gone
    area.fill("")
    area.press_sequentially("很抱歉，已为您重做一杯")
    expect_kept(page, cases, case_id, "很抱歉，已为您重做一杯")
    page.reload()
    expect(area).to_have_value("很抱歉，已为您重做一杯")
    page.get_by_role("button", name="标为已回复").click()
    expect(page.locator(".talk.ours")).to_contain_text("很抱歉，已为您重做一杯")
    assert cases.get(case_id).state == "replied"
    cases.records.close()


def expect_kept(page, cases, case_id: str, text: str) -> None:
    """The draft reaches the database by itself, with the cursor still in the box."""
    deadline = time.monotonic() + 120
    while cases.draft(case_id, by="坐席") != text:
        assert time.monotonic() < deadline, cases.draft(case_id, by="坐席")
        page.wait_for_timeout(100)  # and not a sleep, which would stop what the browser has to say
    assert page.evaluate("document.activeElement.tagName") == "TEXTAREA"


def test_the_list_is_taken_along_as_a_file(visit):
    page = visit("mentions?sentiment=negative&period=all")
    page.get_by_role("button", name="导出").click()
    with page.expect_download() as waiting:
        page.get_by_text("CSV 文件").click()
    with open(waiting.value.path(), encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(io.StringIO(file.read())))
    assert rows
    assert {row["情感"] for row in rows} == {"negative"}
