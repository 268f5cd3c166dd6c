"""Accounts are tied to customers on exact evidence only, in any order, and people have the last word."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from index import audit
from index.crm.contacts import Contacts, open_contacts
from index.crm.customers import Customers
from index.crm.linking import Linker
from index.crm.links import choose
from index.documents import Author, Customer
from index.errors import EarshotError, NotFound
from index.query import MentionQuery
from index.records import open_records
from index.stores import open_store

PHONE = "+8613800138000"


@pytest.fixture
def contacts(settings) -> Contacts:
    return open_contacts(settings.home)


@pytest.fixture
def customers(settings, records, contacts):
    return Customers(settings, records, contacts)


@pytest.fixture
def linker(settings, store, records, contacts):
    return Linker(settings, store, records, contacts)


@pytest.fixture
def known(customers, contacts):
    """known("C1", phone=..., handles=...) puts a customer into the CRM."""

    def put(id_: str, phone: str | None = None, email: str | None = None, **handles: str) -> Customer:
        customer = Customer(
            id=id_,
            phone_hash=contacts.hash("phone", phone) if phone else None,
            email_hash=contacts.hash("email", email) if email else None,
            handles=handles,
        )
        customers.upsert([customer])
        return customer

    return put


@pytest.fixture
def heard(store, linker):
    """heard(record, contacts) does what the worker does with a batch."""

    def run(record, *contacts):
        store.save([record])
        return linker.observe([record], {record.mention.id: contacts})

    return run


def pairs(linker):
    return {(link.author_id, link.customer_id) for link in linker.links()}


def proposed(linker):
    return {(one.author_id, one.customer_id) for one in linker.proposals()}


def test_a_customers_phone_in_the_own_text_links_and_reaches_the_store(say, known, heard, linker, store):
    known("C1", phone="138 0013 8000")
    (link,) = heard(say("1", by="weibo:7"), ("phone", PHONE))
    assert (link.author_id, link.customer_id, link.by, link.evidence, link.mention_id) == (
        "weibo:7",
        "C1",
        "automatic",
        "phone",
        "weibo:1",
    )
    assert [hit.record.customer_id for hit in store.search(MentionQuery()).hits] == ["C1"]
    store.save([say("2", by="weibo:7")])
    assert store.get(["weibo:2"])[0].customer_id == "C1"


def test_an_email_links_whatever_its_case(say, known, heard):
    known("C1", email="Wang@Example.com")
    assert heard(say("1"), ("email", "wang@example.com"))[0].evidence == "email"


@pytest.mark.parametrize(
    ("declared", "author", "evidence"),
    [
        ("@deer", Author(id="weibo:7", handle="deer", name="小鹿同学"), "account"),
        ("7001", Author(id="weibo:7001", name="小鹿同学"), "account"),
        ("小鹿同学", Author(id="weibo:7", name="小鹿同学"), "name"),
    ],
)
def test_a_declared_account_or_name_links(say, known, heard, customers, declared, author, evidence):
    known("C1", weibo=declared.removeprefix("@"))
    (link,) = heard(say("1", by=author))
    assert link.evidence == evidence


@pytest.mark.parametrize(
    ("declared", "author"),
    [
        ("小鹿", Author(id="weibo:7", name="小鹿同学")),
        ("Deer", Author(id="weibo:7", name="deer")),
        ("momo", Author(id="weibo:7", name="momo")),
        ("小***鹿", Author(id="weibo:7", name="小***鹿")),
        ("小鹿同学", Author(id="douyin:7", name="小鹿同学")),
    ],
)
def test_nearly_the_same_or_meaningless_names_link_nobody(say, known, heard, linker, declared, author):
    known("C1", weibo=declared)
    assert heard(say("1", by=author)) == []
    assert proposed(linker) == set()


def test_a_phone_in_an_article_is_not_its_authors(say, known, heard):
    known("C1", phone=PHONE)
    assert heard(say("1", kind="article"), ("phone", PHONE)) == []


def test_two_customers_with_the_same_phone_wait_for_a_person(say, known, heard, linker):
    known("C1", phone=PHONE)
    known("C2", phone=PHONE)
    assert heard(say("1"), ("phone", PHONE)) == []
    assert proposed(linker) == {("weibo:7", "C1"), ("weibo:7", "C2")}


def test_an_account_with_evidence_for_two_customers_waits_for_a_person(say, known, heard, linker, store):
    known("C1", phone=PHONE)
    known("C2", email="li@example.com")
    heard(say("1"), ("phone", PHONE))
    heard(say("2"), ("email", "li@example.com"))
    assert pairs(linker) == set()
    assert proposed(linker) == {("weibo:7", "C1"), ("weibo:7", "C2")}
    assert store.get(["weibo:1"])[0].customer_id is None
    assert [(link.status, link.customer_id) for link in linker.history()] == [("unlinked", "C1"), ("linked", "C1")]


def test_two_accounts_with_the_declared_name_wait_but_a_declared_account_wins(say, known, heard, linker):
    known("C1", weibo="小鹿同学")
    heard(say("1", by=Author(id="weibo:7", name="小鹿同学")))
    assert pairs(linker) == {("weibo:7", "C1")}
    heard(say("2", by=Author(id="weibo:8", name="小鹿同学")))
    assert pairs(linker) == set()
    heard(say("3", by=Author(id="weibo:9", handle="小鹿同学")))
    assert pairs(linker) == {("weibo:9", "C1")}
    assert proposed(linker) == {("weibo:7", "C1"), ("weibo:8", "C1")}


def test_customers_imported_after_the_mentions_are_linked_as_well(say, known, heard, linker):
    heard(say("1", by=Author(id="weibo:7", name="小鹿同学")))
    heard(say("2", by="douyin:5"), ("phone", PHONE))
    late = [known("C1", weibo="小鹿同学"), known("C2", phone=PHONE)]
    assert {(link.author_id, link.customer_id) for link in linker.link_existing(late)} == {
        ("weibo:7", "C1"),
        ("douyin:5", "C2"),
    }
    assert linker.link_existing(late) == []


def test_a_corrected_handle_moves_the_link_and_a_new_phone_keeps_it(say, known, heard, linker):
    known("C1", weibo="小鹿同学", phone=PHONE)
    heard(say("1", by=Author(id="weibo:7", name="小鹿同学")))
    heard(say("2", by=Author(id="weibo:8", name="鹿小姐")))
    heard(say("3", by="douyin:5"), ("phone", PHONE))
    changed = known("C1", weibo="鹿小姐", phone="+8613900139000")
    linker.link_existing([changed])
    assert pairs(linker) == {("weibo:8", "C1"), ("douyin:5", "C1")}


def test_a_link_a_person_undid_never_comes_back_by_itself(say, known, heard, linker, store):
    customer = known("C1", phone=PHONE)
    heard(say("1"), ("phone", PHONE))
    linker.unlink("weibo:7", "C1", by="Li", reason="her husband's phone")
    assert store.get(["weibo:1"])[0].customer_id is None
    heard(say("2"), ("phone", PHONE))
    linker.link_existing([customer])
    assert pairs(linker) == proposed(linker) == set()
    linker.link("weibo:7", "C1", by="Wang", reason="she called")
    assert pairs(linker) == {("weibo:7", "C1")}


def test_a_person_decides_against_the_evidence_and_every_act_is_audited(say, known, heard, linker, records, store):
    known("C1", phone=PHONE)
    known("C2")
    heard(say("1"), ("phone", PHONE))
    linker.link("weibo:7", "C2", by="Li", reason="sister's phone")
    heard(say("2"), ("phone", PHONE))
    assert pairs(linker) == {("weibo:7", "C2")}
    assert store.get(["weibo:2"])[0].customer_id == "C2"
    linker.unlink("weibo:7", "C2", by="Li", reason="wrong")
    acts = [(entry.who, entry.what, entry.subject, entry.why) for entry in audit.entries(records)]
    assert acts == [
        ("Li", "unlink", "weibo:7 C2", "wrong"),
        ("Li", "link", "weibo:7 C2", "sister's phone"),
    ]


def test_links_by_hand_need_a_name_and_ids_that_exist(known, linker):
    known("C1")
    with pytest.raises(EarshotError, match="Say who"):
        linker.link("weibo:7", "C1", by=" ", reason="x")
    with pytest.raises(NotFound):
        linker.link("weibo:7", "C9", by="Li", reason="x")
    with pytest.raises(NotFound):
        linker.unlink("weibo:7", "C1", by="Li", reason="x")


def test_no_contact_is_kept_in_clear(say, known, heard, records, content):
    known("C1", phone=PHONE)
    heard(say("1"), ("phone", PHONE))
    records.scrub()
    assert "weibo:7" in content(records)
    assert "13800138000" not in content(records)


def test_a_crash_before_the_store_was_told_is_made_good(say, known, heard, linker, store, records):
    known("C1", phone=PHONE)
    heard(say("1"), ("phone", PHONE))
    store.set_customer("weibo:7", None)
    records.run("INSERT INTO link_mirror VALUES (?, ?)", ("weibo:7", "C1"))
    linker.observe([], {})
    assert store.get(["weibo:1"])[0].customer_id == "C1"
    assert records.all("SELECT * FROM link_mirror") == []


def test_erasing_an_author_leaves_nothing_behind(say, known, heard, linker, records):
    known("C1", phone=PHONE)
    heard(say("1"), ("phone", PHONE))
    linker.forget_author("weibo:7")
    assert pairs(linker) == set()
    for table in ("contacts_seen", "link_evidence", "link_history"):
        assert records.one(f"SELECT count(*) FROM {table}") == (0,)


def test_a_rejected_candidate_still_makes_the_other_one_a_persons_decision():
    assert choose({"C1": ["phone"]}, set(), {}) == "C1"
    assert choose({"C1": ["phone"], "C2": ["phone"]}, {"C2"}, {}) is None
    assert choose({}, set(), {}) is None


NAMES = st.sampled_from([None, "小鹿同学", "鹿小姐"])
PHONES = st.sampled_from([None, PHONE, "+8613900139000"])


@examples(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    names=st.tuples(NAMES, NAMES),
    said=st.lists(st.tuples(st.integers(0, 1), PHONES), max_size=6),
    data=st.data(),
)
def test_the_same_facts_give_the_same_links_in_any_order(names, said, data, say, settings, contacts):
    """Whether customers come first or mentions, and whichever mention comes first."""
    crm = [
        Customer(id="C1", phone_hash=contacts.hash("phone", PHONE), handles={"weibo": "小鹿同学"}),
        Customer(id="C2", phone_hash=contacts.hash("phone", "+8613900139000"), handles={"weibo": "鹿小姐"}),
    ]
    batch = [
        (say(str(i), by=Author(id=f"weibo:{who}", name=names[who])), [("phone", phone)] if phone else [])
        for i, (who, phone) in enumerate(said)
    ]
    first = _links_after(settings, contacts, crm, batch, customers_first=True)
    other = _links_after(
        settings, contacts, crm, data.draw(st.permutations(batch)), customers_first=data.draw(st.booleans())
    )
    assert first == other


def _links_after(settings, contacts, crm, batch, *, customers_first):
    with TemporaryDirectory() as folder:
        home = msgspec.structs.replace(settings, home=Path(folder))
        records, store = open_records(home), open_store(home)
        customers, linker = Customers(home, records, contacts), Linker(home, store, records, contacts)
        if customers_first:
            customers.upsert(crm)
        for record, posted in batch:
            store.save([record])
            linker.observe([record], {record.mention.id: posted})
        if not customers_first:
            customers.upsert(crm)
            linker.link_existing(crm)
        outcome = pairs(linker), proposed(linker)
        records.close()
        store.close()
    return outcome
