"""What a worker does with what is in the inbox: everything real but the model, which is a list of words."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path

from msgspec.structs import replace
from worker_world import NOW, World, item

from index.documents import Author


def test_what_is_put_is_understood_and_saved(world: World) -> None:
    world.inbox.put([item(1), item(2, "茶茶真好喝，喜欢")])
    world.work()
    bad, good = world.record(1), world.record(2)
    assert bad
    assert good
    assert (bad.sentiment, good.sentiment) == ("negative", "positive")
    assert (bad.analysis.model, bad.analysis.model_version, bad.analysis.lang) == ("word-list", "1", "zh-Hans")
    assert abs(sum(bad.analysis.probabilities.values()) - 1) < 1e-5
    assert world.counts() == {"saved": 2}


def test_contact_data_is_masked_before_it_is_stored_and_spans_fit_the_stored_text(world: World) -> None:
    said = item(1, "口味太差，打我13812345678说清楚，服务也差", title="电话13812345678 价格贵")
    tags = ("茶茶", "急找人电话13812345678")
    world.inbox.put([replace(said, mention=replace(said.mention, hashtags=tags))])
    world.work()
    record = world.record(1)
    assert record
    assert "13812345678" not in record.mention.full_text
    assert record.mention.hashtags == ("茶茶", "急找人电话[phone]")
    assert record.analysis.masked == {"phone": 2}
    text = record.mention.full_text
    assert {a.name for a in record.analysis.aspects} >= {"taste", "staff", "price"}
    for aspect in record.analysis.aspects:
        assert aspect.span
        assert aspect.evidence is None or aspect.evidence in text[slice(*aspect.span)]


def test_a_masked_mention_that_comes_again_is_not_scored_again(world: World) -> None:
    """The store holds the masked text: a repeat must be compared after masking."""
    text = "太差，电话13812345678"
    world.inbox.put([item(1, text)])
    world.work()
    world.inbox.put([item(1, text, version=2, fetched_at=NOW + timedelta(hours=1))])
    world.work()
    assert len(world.model.seen) == 1
    assert world.counts() == {"saved": 1, "duplicate": 1}


def test_an_edit_replaces_and_an_older_version_never_does(world: World) -> None:
    world.inbox.put([item(1, "茶茶太差", version=5)])
    world.work()
    world.inbox.put([item(1, "茶茶真好", version=6)])
    world.work()
    world.inbox.put([item(1, "茶茶太贵", version=4)])
    world.work()
    record = world.record(1)
    assert record
    assert record.mention.text == "茶茶真好"
    assert world.counts() == {"saved": 2, "duplicate": 1}


def test_an_edit_lent_together_with_the_older_version_wins(world: World) -> None:
    world.inbox.put([item(1, "旧")])
    world.inbox.lease(1, worker="one that dies", seconds=0.0)
    world.inbox.lease(1, worker="one that dies too", seconds=0.2)
    world.inbox.put([item(1, "新", version=2)])
    world.work()
    record = world.record(1)
    assert record
    assert record.mention.text == "新"
    assert world.counts()["saved"] + world.counts()["duplicate"] == 2


def test_a_customer_is_linked_by_the_phone_in_the_text_and_the_complaint_is_a_case(
    world: World, tmp_path: Path
) -> None:
    crm = tmp_path / "crm.csv"
    crm.write_text("customer_id,name,phone\nC1,王小姐,13812345678\n", encoding="utf-8")
    world.customers.import_customers(crm)
    world.inbox.put([item(1, "茶茶太差了，要投诉，我电话13812345678，给个说法")])
    world.work()
    record = world.record(1)
    assert record
    assert record.customer_id == "C1"
    assert [(case.customer_id, case.mention_ids) for case in world.cases()] == [("C1", ("weibo:1",))]


def test_an_import_waits_for_its_own_rows_even_when_another_worker_has_them(world: World) -> None:
    world.inbox.put([item(1, batch="b1"), item(2, batch="b1"), item(3)])
    held = world.inbox.lease(1, worker="another")
    answers = threading.Timer(0.3, lambda: world.inbox.put_back(held))
    answers.start()
    progress: list[int] = []
    world.worker().run_until("b1", on_progress=progress.append)
    answers.join()
    assert world.counts("b1") == {"saved": 2, "put_back": 1}
    assert sum(progress) == 3


def test_an_erased_author_stays_erased(world: World) -> None:
    world.inbox.put([item(1)])
    world.work()
    world.store.erase_author("weibo:u1")
    world.inbox.put([item(1, version=2)])
    world.work()
    assert world.record(1) is None
    assert world.counts() == {"saved": 1, "erased": 1}


def test_with_pseudonyms_the_store_knows_no_names(tmp_path: Path) -> None:
    world = World(tmp_path, pseudonyms=True)
    world.inbox.put([item(1), item(2, author=Author(id="weibo:u1", name="小王", followers=7))])
    world.work()
    first, second = world.record(1), world.record(2)
    world.close()
    assert first
    assert second
    assert first.mention.author
    assert second.mention.author
    assert first.mention.author.id == second.mention.author.id != "weibo:u1"
    assert (second.mention.author.name, second.mention.author.followers) == (None, 7)


def test_one_text_from_several_accounts_is_one_cluster_and_makes_them_suspect(world: World) -> None:
    text = "家人们，茶茶的新品我真的会无限回购，茶底清爽不腻，小料给得足，闭眼入不踩雷，今天就去买"
    world.inbox.put([item(n, text) for n in range(3)])
    world.work()
    world.inbox.put([item(n, f"{'！💕'[n % 2] * 3}{text.replace('今天', '明天')} #茶茶#") for n in range(3, 6)])
    world.inbox.put([item(6, "茶茶的新品我排了半小时，茶底还行，小料给得少了一点，下次大概不会专门去买了")])
    world.work()
    clusters = [record.analysis.cluster for n in range(7) if (record := world.record(n))]
    assert len(clusters) == 7
    assert clusters[0] is not None
    assert len(set(clusters[:6])) == 1
    assert clusters[6] not in (None, clusters[0])
    facts = world.store.author_facts("茶茶", since=NOW - timedelta(days=1))
    assert sum(one.coordinated_posts for one in facts) == 6
    paid, own = (world.store.author(f"weibo:u{n}") for n in (0, 6))
    assert paid
    assert paid.influence
    assert paid.influence.parts["authenticity"] == 0
    assert own
    assert own.influence
    assert own.influence.parts["authenticity"] == 1
