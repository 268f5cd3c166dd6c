"""Influencers, customers and sources: who moves others, who is this to us, is it hearing."""

from __future__ import annotations

from urllib.parse import parse_qs

import pytest

from crawlers.imports import inspect, mapping, raws
from crawlers.intake import Intake
from index import audit
from index import settings as settings_file
from index.crm.customers import Customers
from index.crm.linking import Linker
from index.documents import Customer
from index.inbox import open_inbox
from index.query import MentionQuery
from index.records import open_records
from index.stores import open_store


@pytest.fixture
def records(home):
    database = open_records(settings_file.load(home))
    yield database
    database.close()


def bodies(page) -> str:
    return "\n".join(e.proto.body for e in page.get("html"))


def test_shortlist_shows_score_parts_and_a_sentence_and_keeps_kol_apart(home, open_page):
    page = open_page("influencers", period="all")
    shown = bodies(page)
    assert not page.exception
    assert "亲身体验，互动是同量级账号的三倍" in shown
    assert "有人应" in shown
    assert "达人（KOL）" in shown


def test_a_persons_page_has_posts_and_purchases(home, open_page, records):
    (author,) = records.one("SELECT author_id FROM links WHERE status = 'linked'")
    page = open_page("influencers", person=author)
    assert not page.exception
    assert "老顾客：" in bodies(page)
    assert 'class="card-text' in bodies(page)


def test_the_list_of_a_person_is_as_long_as_their_number_says(home, open_page):
    """Adverts too: whoever posts many would otherwise have an empty list."""
    store = open_store(settings_file.load(home))
    advert = next(hit for hit in store.search(MentionQuery(), limit=400).hits if hit.record.analysis.spam > 0.5)
    writer = advert.record.mention.author.id
    count = store.author(writer).mentions
    store.close()
    (link,) = [
        link.proto.query_string
        for link in open_page("influencers", person=writer).get("page_link")
        if "writer=" in link.proto.query_string
    ]
    listed = open_page("mentions", **parse_qs(link))
    assert f"{count} 条 ·" in bodies(listed)


def test_contacts_are_masked_until_a_reason_is_given_and_the_look_is_written_down(home, open_page, records):
    page = open_page("customers", customer="C1003")
    assert "138****0003" in bodies(page)
    assert "13800000003" not in bodies(page)
    assert page.button(key="reveal-C1003").disabled
    page.text_input(key="why-C1003").input("顾客要求回电").run()
    page.button(key="reveal-C1003").click().run()
    assert "+8613800000003" in bodies(page)
    entry = audit.entries(records, subject="C1003")[0]
    assert (entry.what, entry.why) == ("contact.reveal", "顾客要求回电")
    page.run()
    assert "+8613800000003" not in bodies(page)


def test_what_a_customer_spent_has_its_currency(home, open_page):
    assert "<b>¥" in bodies(open_page("customers", customer="C1003"))
    text = (home / "earshot.toml").read_text(encoding="utf-8")
    (home / "earshot.toml").write_text(f'currency = "EUR"\n{text}', encoding="utf-8")
    assert "<b>EUR " in bodies(open_page("customers", customer="C1003"))


def test_a_link_can_be_undone_with_a_reason(home, open_page, records):
    author, customer = records.one("SELECT author_id, customer_id FROM links WHERE status = 'linked'")
    page = open_page("customers", customer=customer)
    page.text_input(key=f"unlink-why-{author}").input("同名不同人").run()
    page.button(key=f"unlink-{author}").click().run()
    assert not page.exception
    settings = settings_file.load(home)
    store = open_store(settings)
    linker = Linker(settings, store, records)
    assert not linker.links(author_id=author)
    assert linker.history(author_id=author)[0].reason == "同名不同人"
    store.close()


def test_all_evidence_of_a_link_is_named(home, open_page, records):
    records.run("UPDATE links SET evidence = 'phone+account'")
    (customer,) = records.one("SELECT customer_id FROM links WHERE status = 'linked'")
    assert "依据：电话相同、登记的账号" in bodies(open_page("customers", customer=customer))


def test_a_long_list_of_customers_says_that_it_goes_on(home, open_page):
    assert "请搜索" not in str([each.value for each in open_page("customers").caption])
    book = Customers(settings_file.load(home))
    book.upsert([Customer(id=f"D{number}") for number in range(30)])
    book.records.close()
    assert any("请搜索" in each.value for each in open_page("customers").caption)


def test_a_customer_is_found_by_a_whole_phone_number(home, open_page):
    page = open_page("customers", find="13800000007")
    assert "C1007" in bodies(page)
    assert "C1008" not in bodies(page)


def test_sources_say_what_is_wrong_and_what_to_do(home, open_page):
    page = open_page("sources")
    shown = bodies(page)
    assert not page.exception
    assert "没有声音" in shown
    assert "令牌无效或过期" in shown
    assert "token expired &lt;b&gt;" in shown
    assert "每 1 分钟询问，2 小时没有新内容就报警" in shown


def test_the_list_of_customers_opens_its_first(home, open_page):
    page = open_page("customers")
    assert not page.exception
    assert "关联的账号" in bodies(page)


def test_what_is_wrong_with_a_row_is_said_in_the_readers_language(home, tmp_path, open_page):
    """Every row of the file is bad in its own way."""
    file = tmp_path / "bad.csv"
    file.write_text(
        "内容,发布时间\n,2026-08-01\n好喝,\n好喝,改天再说\n好喝,2099-08-01\n好喝,2026-08-01,多,的\n"
        + "长" * 100_001
        + ",2026-08-01\n",
        encoding="utf-8",
    )
    settings = settings_file.load(home)
    plan, inbox, store = inspect(file, settings), open_inbox(settings), open_store(settings)
    assert Intake(settings, inbox, store).take(plan.source, raws(plan), mapping(plan)).quarantined == 6
    store.close()
    inbox.close()
    shown = bodies(open_page("sources"))
    for said in (
        "没有正文",
        "没有时间",
        "时间“改天再说”读不懂",
        "在未来",
        "有 4 格",
        "超过 100,000 个字符",
        "第 3 行",
        "<b>bad.csv</b>",
    ):
        assert said in shown
    assert "row 3" in bodies(open_page("sources", lang="en"))


def test_quarantine_shows_the_reason_and_what_fails_again_stays(home, open_page):
    page = open_page("sources")
    assert "row has no text" in bodies(page)
    page.button(key="replay-all").click().run()
    assert not page.exception
    inbox = open_inbox(settings_file.load(home))
    assert len(inbox.quarantined()) == 1
    inbox.close()
