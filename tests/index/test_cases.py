"""From a mention to a case on the desk, and what people do with it."""

from __future__ import annotations

import multiprocessing
import time
from datetime import timedelta

import msgspec
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from index import audit
from index.alerts.cases import Cases
from index.alerts.engine import AlertEngine
from index.crm.customers import Customers
from index.crm.linking import Linker
from index.documents import Author, Customer
from index.errors import Conflict, EarshotError, NotFound
from index.records import open_records
from index.settings import Rule
from index.stores import open_store


@pytest.fixture
def engine(settings, store, records):
    return AlertEngine(settings, store, records)


@pytest.fixture
def cases(settings, records):
    return Cases(settings, records)


def complaint(say, native_id, **facts):
    return say(native_id, intents=("complaint",), **{"aspects": {"taste": "negative"}, **facts})


def test_a_complaint_is_on_the_desk_with_its_reason_and_time_to_answer(say, engine, cases, now):
    (case,) = engine.consider([complaint(say, "1")], now)
    assert (case.brand, case.topic, case.state) == ("星野咖啡", "taste", "new")
    assert case.due_at == now + timedelta(minutes=240)
    assert [(event.action, event.detail) for event in case.history] == [("opened", "weibo:1")]
    (shown,) = cases.list()
    assert msgspec.structs.replace(shown, draft_reply=None, public_reply=None) == case
    assert shown.draft_reply.startswith("7您好，很抱歉口味")


def test_later_mentions_of_the_same_author_and_topic_join_the_case(say, engine, cases, now):
    engine.consider([complaint(say, "1", hours_ago=2)], now)
    engine.consider([complaint(say, "2"), complaint(say, "3", by="weibo:8")], now + timedelta(minutes=5))
    engine.consider([complaint(say, "4", aspects={"price": "negative"})], now)
    members = {case.mention_ids for case in cases.list()}
    assert members == {("weibo:1", "weibo:2"), ("weibo:3",), ("weibo:4",)}
    joined = next(case for case in cases.list() if len(case.mention_ids) == 2)
    assert [event.action for event in joined.history] == ["opened", "mention"]


def test_the_same_mention_again_changes_nothing(say, engine, cases, now):
    first = engine.consider([complaint(say, "1")], now)
    edited = msgspec.structs.replace(
        complaint(say, "1"),
        mention=msgspec.structs.replace(complaint(say, "1").mention, text="再改一次", version=9),
    )
    assert engine.consider([complaint(say, "1"), edited], now + timedelta(hours=1)) == []
    (case,) = cases.list()
    assert msgspec.structs.replace(case, draft_reply=None, public_reply=None) == first[0]


def test_an_edit_that_turns_bad_opens_a_case(say, engine, now):
    assert engine.consider([say("1", sentiment="positive")], now) == []
    assert len(engine.consider([complaint(say, "1")], now)) == 1


def test_a_mention_after_closing_opens_a_new_case(say, engine, cases, now):
    (old,) = engine.consider([complaint(say, "1")], now)
    cases.close(old.id, "solved by phone", by="Li")
    (new,) = engine.consider([complaint(say, "2")], now)
    assert new.id != old.id
    assert new.mention_ids == ("weibo:2",)
    assert cases.get(old.id).state == "closed"
    with pytest.raises(Conflict, match="newer one"):
        cases.reopen(old.id, by="Li")


def test_a_mention_after_the_reply_puts_the_case_back_to_the_same_agent(say, engine, cases, now):
    (case,) = engine.consider([complaint(say, "1")], now)
    cases.assign(case.id, "Li", by="Wang")
    cases.reply(case.id, "很抱歉", by="Li")
    (again,) = engine.consider([complaint(say, "2")], now + timedelta(hours=6))
    assert (again.id, again.state, again.assignee) == (case.id, "assigned", "Li")
    assert again.due_at == now + timedelta(hours=6, minutes=240)


def test_a_more_urgent_mention_makes_the_case_more_urgent_never_less(say, engine, now):
    (case,) = engine.consider([complaint(say, "1")], now)
    (urgent,) = engine.consider([complaint(say, "2", followers=50_000)], now)
    assert (urgent.rule, urgent.due_at) == ("negative with reach", now + timedelta(minutes=60))
    (later,) = engine.consider([complaint(say, "3")], now + timedelta(hours=3))
    assert (later.rule, later.due_at) == ("negative with reach", urgent.due_at)
    assert case.id == urgent.id == later.id


def test_authors_nobody_names_have_a_case_each(say, engine, cases, now):
    engine.consider([complaint(say, "1", by=None), complaint(say, "2", by=None)], now)
    assert [len(case.mention_ids) for case in cases.list()] == [1, 1]
    assert cases.list()[0].draft_reply.startswith("您好，")


def test_praise_stands_apart_from_trouble_about_the_same_thing(say, engine, cases, now):
    good = say("1", sentiment="positive", aspects={"taste": "positive"}, intents=("praise",))
    engine.consider([good, complaint(say, "2")], now)
    assert [case.mention_ids for case in cases.list(praise=True)] == [("weibo:1",)]
    assert [case.mention_ids for case in cases.list(praise=False)] == [("weibo:2",)]


def test_only_mentions_of_customers_need_a_link_and_a_later_link_is_enough(say, settings, store, records, now):
    rules = (Rule(name="customer", kind="negative_customer"),)
    engine = AlertEngine(msgspec.structs.replace(settings, rules=rules), store, records)
    record = say("1", by=Author(id="weibo:7", name="小鹿"))
    store.save([record])
    assert engine.consider([record], now) == []
    customers, linker = Customers(settings, records), Linker(settings, store, records)
    customers.upsert([Customer(id="C1", name="王小明", last_order="星野拿铁", handles={"weibo": "小鹿"})])
    links = linker.link_existing([customers.get("C1")])
    (case,) = engine.reconsider(links, now)
    assert (case.customer_id, case.mention_ids) == ("C1", ("weibo:1",))
    draft = Cases(settings, records).get(case.id).draft_reply
    assert draft.startswith("王小明您好，关于您购买的星野拿铁，")


AUTHORS = ("weibo:a", "weibo:b", None)
said = st.builds(
    dict,
    n=st.integers(0, 12),
    by=st.sampled_from(AUTHORS),
    topic=st.sampled_from(("taste", "price")),
    praise=st.booleans(),
    brands=st.sampled_from((("星野咖啡",), ("星野咖啡", "Noctua"), ("云海茶",))),
)


@examples(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), mentions=st.lists(said, max_size=12, unique_by=lambda m: m["n"]))
def test_any_order_and_repetition_gives_the_same_cases(data, mentions, say, settings, store, now, tmp_path):
    batch = [
        say(
            str(m["n"]),
            by=m["by"],
            brands=m["brands"],
            sentiment="positive" if m["praise"] else "negative",
            aspects={m["topic"]: "positive" if m["praise"] else "negative"},
            intents=("praise",) if m["praise"] else ("complaint",),
        )
        for m in mentions
    ]
    again = data.draw(st.lists(st.sampled_from(batch), max_size=6)) if batch else []
    shuffled = data.draw(st.permutations(batch + again))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(shuffled)), max_size=3)))
    pieces = [shuffled[i:j] for i, j in zip([0, *cuts], [*cuts, None], strict=True)]
    outcomes = []
    for name, batches in (("a", [batch]), ("b", pieces)):
        home = msgspec.structs.replace(settings, records=f"sqlite:{name}-{time.monotonic_ns()}.sqlite")
        records = open_records(home)
        engine = AlertEngine(home, store, records)
        for some in batches:
            engine.consider(some, now)
        outcomes.append({case.id: set(case.mention_ids) for case in Cases(home, records).list(limit=1000)})
        records.close()
    assert outcomes[0] == outcomes[1]


def _consider(home_settings, batches, start, now):
    store = open_store(home_settings)
    engine = AlertEngine(home_settings, store)
    start.wait()
    for some in batches:
        engine.consider(some, now)
    engine.records.close()
    store.close()


def test_two_processes_that_see_the_same_mentions_open_each_case_once(say, settings, now, cases, store):
    batches = [[complaint(say, f"{i}-{j}", by=f"weibo:{j}") for j in range(5)] for i in range(8)]
    spawn = multiprocessing.get_context("spawn")
    start = spawn.Barrier(2, timeout=300)
    processes = [spawn.Process(target=_consider, args=(settings, batches, start, now)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(300)
        assert process.exitcode == 0
    found = cases.list(limit=100)
    assert len(found) == 5
    assert all(len(case.mention_ids) == 8 for case in found)
    assert all([event.action for event in case.history] == ["opened"] + ["mention"] * 7 for case in found)


# What people do


@pytest.fixture
def case(say, engine, now):
    return engine.consider([complaint(say, "1")], now)[0]


def test_a_case_goes_from_new_over_assigned_and_replied_to_closed_and_all_is_written_down(cases, case, records):
    cases.assign(case.id, "Li", by="Wang")
    cases.note(case.id, "老客户", by="Li")
    cases.reply(case.id, " 很抱歉，我们来核实。 ", by="Li")
    done = cases.close(case.id, "solved", by="Li")
    assert [(e.by, e.action, e.detail) for e in done.history] == [
        ("rules", "opened", "weibo:1"),
        ("Wang", "assigned", "Li"),
        ("Li", "note", "老客户"),
        ("Li", "replied", "很抱歉，我们来核实。"),
        ("Li", "closed", "solved"),
    ]
    acts = [entry.what for entry in audit.entries(records, subject=case.id)]
    assert acts == ["case.closed", "case.replied", "case.assigned"]
    again = cases.reopen(case.id, by="Wang", reason="writes again")
    assert (again.state, again.assignee) == ("assigned", "Li")


def test_two_agents_do_not_overwrite_each_other(cases, case):
    seen = case.version
    cases.reply(case.id, "Li's answer", by="Li", seen=seen)
    with pytest.raises(Conflict, match=r"Li took a step meanwhile \(replied"):
        cases.reply(case.id, "Wang's answer", by="Wang", seen=seen)
    replies = [event.detail for event in cases.get(case.id).history if event.action == "replied"]
    assert replies == ["Li's answer"]


def test_a_mention_or_a_note_that_comes_meanwhile_is_no_conflict(say, engine, cases, case, now):
    engine.consider([complaint(say, "2")], now)
    cases.note(case.id, "看过了", by="Wang")
    assert cases.reply(case.id, "好的", by="Li", seen=case.version).state == "replied"


@pytest.mark.parametrize("step", ["assign", "reply", "close", "snooze"])
def test_a_closed_case_takes_no_steps_but_reopening(cases, case, step, now):
    cases.close(case.id, "done", by="Li")
    with pytest.raises(Conflict, match="is closed"):
        getattr(cases, step)(case.id, now if step == "snooze" else "x", by="Li")
    assert cases.get(case.id).state == "closed"


def test_steps_need_a_name_a_text_and_a_case_that_exists(cases, case):
    for wrong in (
        lambda: cases.reply(case.id, "  ", by="Li"),
        lambda: cases.reply(case.id, "x", by=" "),
        lambda: cases.close(case.id, "", by="Li"),
        lambda: cases.note(case.id, "", by="Li"),
    ):
        with pytest.raises(EarshotError):
            wrong()
    for unknown in (lambda: cases.get("case-0"), lambda: cases.save_draft("case-0", "x", by="Li")):
        with pytest.raises(NotFound):
            unknown()
    assert cases.get(case.id).version == 0


def test_a_half_written_reply_is_kept_for_each_agent_until_they_answer(settings, cases, case):
    cases.save_draft(case.id, "Li 写了一半", by="Li")
    cases.save_draft(case.id, "Wang 写了一半", by="Wang")
    later = Cases(settings)
    assert later.draft(case.id, by="Li") == "Li 写了一半"
    cases.reply(case.id, "Li 写完了", by="Li")
    assert later.draft(case.id, by="Li") is None
    assert later.draft(case.id, by="Wang") == "Wang 写了一半"
    cases.save_draft(case.id, "", by="Wang")
    assert later.draft(case.id, by="Wang") is None
    later.records.close()


def test_the_queue_is_ordered_by_time_left_and_snoozed_cases_rest(say, engine, cases, now):
    engine.consider([complaint(say, "1", by="weibo:slow")], now)
    engine.consider([complaint(say, "2", by="weibo:urgent", followers=50_000)], now)
    engine.consider([complaint(say, "3", by="weibo:done")], now - timedelta(hours=3))
    slow, urgent, done = (cases.list(author_id=f"weibo:{who}")[0] for who in ("slow", "urgent", "done"))
    cases.reply(done.id, "好的", by="Li")
    assert [case.id for case in cases.list()] == [urgent.id, slow.id, done.id]
    assert [case.id for case in cases.list(("new",), limit=1, offset=1)] == [slow.id]
    cases.snooze(urgent.id, now + timedelta(hours=2), by="Li")
    assert [case.id for case in cases.list(("new",), snoozed=False, now=now)] == [slow.id]
    assert len(cases.list(("new",), snoozed=False, now=now + timedelta(hours=2))) == 2
    (woken,) = engine.consider([complaint(say, "4", by="weibo:urgent")], now)
    assert woken.snoozed_until is None


def test_the_numbers_above_the_queue(say, engine, cases, now):
    good = say("9", sentiment="positive", intents=("praise",), by="weibo:fan")
    engine.consider([good, *(complaint(say, str(i), by=f"weibo:{i}") for i in range(3))], now)
    first = cases.list(praise=False)[0]
    cases.snooze(first.id, now + timedelta(hours=9), by="Li")
    counts = cases.counts(now + timedelta(hours=5))
    assert counts == {
        "new": 4,
        "assigned": 0,
        "replied": 0,
        "closed": 0,
        "overdue": 2,
        "snoozed": 1,
        "praise": 1,
        "undelivered": 0,
    }
    assert cases.counts(brand="星野咖啡")["new"] == 4
    assert cases.counts(brand="another")["new"] == 0


def test_a_person_opens_a_case_from_any_mention(say, engine, cases, now):
    record = say("1", sentiment="neutral", intents=("question",), hours_ago=500)
    assert engine.consider([record], now) == []
    case = cases.make(record, by="Li", reason="asks about allergens")
    assert (case.rule, case.topic, case.reason, case.state) == (
        "by hand",
        "question",
        "asks about allergens",
        "new",
    )
    assert cases.make(record, by="Wang", reason="again").id == case.id
    joined = cases.make(say("3", sentiment="neutral", intents=("question",)), by="Wang", reason="the same again")
    assert (joined.id, joined.history[-1].action, joined.history[-1].by) == (case.id, "mention", "Wang")
    assert [found.id for found in cases.of_mention("weibo:1")] == [case.id]
    with pytest.raises(EarshotError, match="no brand"):
        cases.make(say("2", brands=("云海茶",)), by="Li", reason="x")


def test_erasing_an_author_removes_their_cases(say, engine, cases, case, records):
    engine.consider([complaint(say, "2", by="weibo:other")], case.opened_at)
    assert cases.forget_author("weibo:7") == 1
    assert [left.author.id for left in cases.list()] == ["weibo:other"]
    for table in ("case_mentions", "case_events", "outbox"):
        assert records.one(f"SELECT count(*) FROM {table} WHERE case_id = ?", (case.id,)) == (0,)


def test_harmless_mentions_never_reach_the_database(say, engine, records, now):
    harmless = [say(str(i), sentiment="neutral", by=f"weibo:{i}") for i in range(500)]
    engine.records = object()
    assert engine.consider(harmless, now) == []
