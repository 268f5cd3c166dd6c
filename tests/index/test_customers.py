"""Customers come from a CRM's export as it is, are found, shown masked, and erased for good."""

from __future__ import annotations

import os
import stat
import time
from datetime import UTC, datetime

import msgspec
import openpyxl
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from index import audit
from index.alerts.cases import Cases
from index.alerts.engine import AlertEngine
from index.crm.contacts import Contacts, mask_contact, normalise_phone, open_contacts
from index.crm.customer_files import redacted
from index.crm.customers import Customers
from index.crm.linking import Linker
from index.errors import EarshotError, ImportFileError, NotFound, SettingsError

ZH = """会员导出 2026-08-01 至 2026-08-31,,,,,,,,,
客户编号,姓名,手机,邮箱,等级,订单数,消费金额(元),最近订单时间,最近订单,微博昵称,小红书ID,标签,同意
1001,王小明,138 0013 8000,Wang@Example.com,金卡,12,"1,234.50",2026-08-01 09:30,星野拿铁,@小鹿同学,5f0c,"老客,辣",是
1002,李娜,,,,,,,,,,,
"""


@pytest.fixture
def customers(settings, records):
    return Customers(settings, records)


@pytest.fixture
def bring(tmp_path, customers):
    def run(text: str, encoding: str = "utf-8", name: str = "crm.csv"):
        file = tmp_path / name
        file.write_bytes(text.encode(encoding))
        return customers.import_customers(file)

    return run


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_a_chinese_export_is_understood_in_any_encoding(bring, customers, encoding):
    report = bring(ZH, encoding)
    assert (report.read, report.inserted, report.bad) == (2, 2, ())
    assert report.columns["微博昵称"] == "handle:weibo"
    wang = customers.get("1001")
    assert (wang.name, wang.tier, wang.orders, wang.spend, wang.last_order) == (
        "王小明",
        "金卡",
        12,
        1234.5,
        "星野拿铁",
    )
    assert wang.last_order_at == datetime(2026, 8, 1, 1, 30, tzinfo=UTC)
    assert wang.handles == {"weibo": "小鹿同学", "xiaohongshu": "5f0c"}
    assert (wang.tags, wang.consent) == (("老客", "辣"), True)
    li = customers.get("1002")
    assert (li.orders, li.spend, li.phone_hash, li.consent, li.handles) == (None, None, None, None, {})


def test_english_headers_and_jsonl_give_the_same_customer(bring, customers):
    bring(
        "customer_id;name;Phone Number;Total Spend;last_order_at\nA;Ann;+44 20 7946 0958;$12;2026-08-01T00:00:00Z\n"
    )
    first = customers.get("A")
    row = {
        "customer_id": "A",
        "name": "Ann",
        "phone": "+442079460958",
        "spend": 12,
        "last_order_at": "2026-08-01T00:00:00Z",
    }
    report = bring(msgspec.json.encode(row).decode() + "\n", name="crm.jsonl")
    assert (report.unchanged, report.updated) == (1, 0)
    assert first.phone_hash


def test_a_workbook_is_read_from_whichever_sheet_has_customers(tmp_path, customers):
    book = openpyxl.Workbook()
    book.active.append(["说明", "本表由系统导出"])
    sheet = book.create_sheet("会员")
    sheet.append(["会员报表"])
    sheet.append(["会员号", "姓名", "手机", "最近订单时间"])
    sheet.append([10001, "王小明", 13800138000, datetime(2026, 8, 1, 9, 30)])  # noqa: DTZ001 - Excel knows no zones
    sheet.append([1.234567890123456e16, "太长", None, None])
    book.save(tmp_path / "crm.xlsx")
    report = customers.import_customers(tmp_path / "crm.xlsx")
    assert report.inserted == 1
    assert customers.get("10001").last_order_at == datetime(2026, 8, 1, 1, 30, tzinfo=UTC)
    assert [(bad.place, "E_ID_PRECISION" in bad.reason) for bad in report.bad] == [("会员, row 4", True)]


def test_every_sheet_of_customers_is_read_and_one_of_something_else_is_named(tmp_path, customers):
    book = openpyxl.Workbook()
    book.active.append(["会员号", "姓名"])
    book.active.append([1, "王小明"])
    for title, header, rows in (
        ("二店", ["姓名", "会员号"], [["王小明", 1], ["李娜", 2]]),
        ("订单", ["会员号", "消费金额"], [[1, 5], [1, 7]]),
        ("说明", ["本表由系统导出"], []),
    ):
        sheet = book.create_sheet(title)
        for row in (header, *rows):
            sheet.append(row)
    book.save(tmp_path / "crm.xlsx")
    report = customers.import_customers(tmp_path / "crm.xlsx")
    assert (report.read, report.inserted, report.duplicate, report.bad) == (3, 2, 1, ())
    assert report.warnings == ("sheet 订单 has other columns than the first one and was not read",)


def test_importing_again_writes_nothing_and_a_changed_row_only_itself(bring, records):
    bring(ZH)
    before = records.all("SELECT id, document FROM customers ORDER BY id")
    again = bring(ZH)
    assert (again.inserted, again.updated, again.unchanged, again.changed_ids) == (0, 0, 2, ())
    assert records.all("SELECT id, document FROM customers ORDER BY id") == before
    changed = bring(ZH.replace("金卡", "黑卡"))
    assert (changed.updated, changed.unchanged, changed.changed_ids) == (1, 1, ("1001",))


def test_a_column_that_is_absent_keeps_what_is_known_and_an_empty_cell_clears_it(bring, customers):
    bring(ZH)
    bring("客户编号,等级,邮箱\n1001,黑卡,\n")
    wang = customers.get("1001")
    assert (wang.tier, wang.name, wang.email_hash) == ("黑卡", "王小明", None)
    assert customers.masked(wang) == {"phone": "138****8000"}


def test_bad_rows_are_reported_with_number_and_reason_and_the_good_ones_go_on(bring):
    report = bring(
        "客户编号,姓名,手机,订单数\n"
        "1,王,13800138000,3\n"
        ",李,13900139000,1\n"
        "3,张,123,2\n"
        "4,赵,,139-0013-9000\n"
        '5,"钱,1\n'
        "合计,,,9\n"
        "1,王,13800138000,3\n"
        "1,别人,13800138000,3\n"
    )
    assert (report.read, report.inserted, report.duplicate) == (8, 2, 1)
    assert [(bad.number, bad.reason.split(":")[0]) for bad in report.bad] == [
        (3, "no customer number (E_ROW_NO_KEY)"),
        (5, "orders"),
        (6, "not valid CSV"),
        (7, "no customer number (E_ROW_NO_KEY)"),
        (9, "customer number stands in row 2 already, with other data"),
    ]
    assert report.warnings == ("1 × phone cannot be read and was left out, first in row 4",)
    assert report.bad[1].reason == "orders: '139****' is not a number", "a reason is shown and logged"
    assert not any(b"13900139000" in bad.raw or b"13800138000" in bad.raw for bad in report.bad)


@pytest.mark.parametrize(
    ("text", "code"),
    [("姓名,手机\n王,13800138000\n", "E_NO_HEADER"), ("", "E_EMPTY"), ("\x00\x01\x02" * 99, "E_NOT_A_TABLE")],
)
def test_a_file_that_is_no_customer_list_is_refused_as_a_whole(bring, customers, text, code):
    with pytest.raises(ImportFileError) as refused:
        bring(text)
    assert refused.value.code == code
    assert customers.counts()["customers"] == 0


@examples(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(garbage=st.binary(max_size=300))
def test_mangled_files_never_crash_and_every_row_has_an_end(tmp_path, customers, garbage):
    file = tmp_path / "mangled.csv"
    file.write_bytes("客户编号,姓名,手机,订单数\n7,好,13800138000,1\n".encode() + garbage)
    try:
        report = customers.import_customers(file)
    except ImportFileError:
        return
    ends = report.inserted + report.updated + report.unchanged + report.duplicate + report.erased + len(report.bad)
    assert report.read == ends


def test_customers_are_found_by_parts_of_what_is_known_and_by_their_whole_phone(bring, customers):
    bring(ZH)
    for text in ("小明", "1001", "鹿同学", "老客 王", "13800138000", "+86 138-0013-8000", "wang@example.com"):
        assert [found.id for found in customers.search(text)] == ["1001"], text
    for text in ("1380013", "example", "%", "_", "王 李"):
        assert customers.search(text) == [], text
    assert {found.id for found in customers.search("")} == {"1001", "1002"}
    assert [found.id for found in customers.list(sort="spend")] == ["1001", "1002"]
    assert [found.id for found in customers.list(limit=1, offset=1)] == ["1001"]
    assert [found.id for found in customers.get_many(["1002", "x", "1001"])] == ["1002", "1001"]


def test_contact_data_is_masked_and_each_reveal_is_written_down_first(bring, customers, records):
    bring(ZH)
    assert customers.masked(customers.get("1001")) == {"phone": "138****8000", "email": "w***@example.com"}
    with pytest.raises(EarshotError, match="why"):
        customers.reveal("1001", by="Li", reason=" ")
    assert audit.entries(records) == []
    shown = customers.reveal("1001", by="Li", reason="call back about the order")
    assert shown == {"phone": "+8613800138000", "email": "wang@example.com"}
    (entry,) = audit.entries(records, subject="1001")
    assert (entry.who, entry.what, entry.why) == ("Li", "contact.reveal", "call back about the order")


def test_no_contact_data_lies_in_the_database_in_clear(bring, records, content):
    bring(ZH)
    records.scrub()
    assert "王" in content(records)
    assert "13800138000" not in content(records)
    assert "wang@example.com" not in content(records).lower()


def test_an_erased_customer_is_gone_and_stays_gone(bring, customers, settings, records, store, say, now, content):
    bring(ZH)
    linker, engine, cases = (
        Linker(settings, store, records),
        AlertEngine(settings, store, records),
        Cases(settings, records),
    )
    record = say("1", aspects={"taste": "negative"})
    store.save([record])
    linker.observe([record], {"weibo:1": [("phone", "+8613800138000")]})
    (case,) = engine.consider([record], now)
    cases.save_draft(case.id, "王小明您好", by="Li")
    cases.reply(case.id, "王小明您好，抱歉", by="Wang")
    assert cases.get(case.id).customer_id == "1001"

    assert customers.erase("1001", by="Li", reason="asked for it") == ("weibo:7",)
    linker.mirror()
    with pytest.raises(NotFound):
        customers.get("1001")
    assert linker.links() == linker.history() == linker.proposals() == []
    assert store.get(["weibo:1"])[0].customer_id is None
    left = cases.get(case.id)
    assert (left.customer_id, left.history[-1].action, left.history[-1].detail) == (None, "replied", None)
    assert "王小明" not in content(records)
    assert audit.entries(records, subject="1001")[0].what == "customer.erase"

    again = bring(ZH)
    assert (again.erased, again.unchanged, again.inserted) == (1, 1, 0)


@pytest.mark.parametrize(
    ("written", "e164"),
    [
        ("13800138000", "+8613800138000"),
        ("+86 138-0013-8000", "+8613800138000"),
        ("0086 13800138000", "+8613800138000"),
        ("86 13800138000", "+8613800138000"),
        ("１３８００１３８０００", "+8613800138000"),
        ("(010) 6552-9988", "+861065529988"),
        ("+852 9123 4567", "+85291234567"),
        ("138****1234", None),
        ("12345", None),
        ("23800138000", None),
        ("phone", None),
        ("", None),
    ],
)
def test_phone_numbers_become_e164_or_nothing(written, e164):
    assert normalise_phone(written) == e164


@pytest.mark.parametrize(
    ("contact", "masked"),
    [
        ({"phone": "+8613812341234"}, {"phone": "138****1234"}),
        ({"phone": "+85291234567"}, {"phone": "+85****4567"}),
        ({"email": "a@b.cn"}, {"email": "a***@b.cn"}),
    ],
)
def test_masks_show_enough_to_recognise_and_too_little_to_call(contact, masked):
    assert mask_contact(contact) == masked


def test_the_key_is_made_once_for_its_owner_alone_and_the_environment_wins(tmp_path, monkeypatch):
    first = open_contacts(tmp_path).hash("phone", "13800138000")
    assert stat.S_IMODE(os.stat(tmp_path / ".key").st_mode) == 0o600
    assert open_contacts(tmp_path).hash("phone", "13800138000") == first
    assert [file.name for file in tmp_path.iterdir()] == [".key"]
    monkeypatch.setenv("EARSHOT_KEY", "another key, long enough")
    assert open_contacts(tmp_path).hash("phone", "13800138000") != first
    monkeypatch.setenv("EARSHOT_KEY", "short")
    with pytest.raises(SettingsError, match="shorter"):
        open_contacts(tmp_path)


def test_another_key_than_the_one_customers_were_stored_with_is_refused(bring, settings, records):
    bring(ZH)
    with pytest.raises(SettingsError, match="key"):
        Customers(settings, records, Contacts("another key, long enough"))


def test_a_key_may_be_set_while_nothing_depends_on_the_first_one(settings, records, tmp_path):
    Customers(settings, records)
    later = Contacts("another key, long enough")
    assert Customers(settings, records, later).counts() == {"customers": 0, "linked": 0}
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match="cannot be used"):
        open_contacts(tmp_path / "file")


def test_a_row_with_a_very_long_text_is_redacted_at_once():
    """It took minutes for the longest cell there can be: the import stood still."""
    begun = time.process_time()
    assert b"a.a." in redacted(["a." * 20_000])
    assert b"wan****" in redacted(["wang.li@example.com"])
    assert time.process_time() - begun < 3
