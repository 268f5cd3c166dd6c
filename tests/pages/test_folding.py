"""Near-duplicates are one card over all pages, and nothing else is left out."""

from __future__ import annotations

import naive_store as naive
import pytest

from dashboard.folding import next_page
from index import settings as settings_file
from index.query import MentionQuery
from index.settings import Settings
from index.stores import open_store

PAID, OTHER = "00000000000abcd", "7fffffffffffff0"


def fill(store):
    """Newest first: 40 of a campaign, 3 posts, 2 of another, 30 of the campaign, 12 posts, one of each again."""
    marks = [PAID] * 40 + [None] * 3 + [OTHER] * 2 + [PAID] * 30 + [None] * 12 + [PAID, OTHER]
    store.save(
        [
            naive.record(
                n,
                f"第{'零一二三四五六七八九'[n % 10]}{'甲乙丙丁戊己庚辛壬'[n // 10]}条",
                hours=n,
                likes=n % 7,
                cluster=mark,
                platform="weibo" if n % 2 else "douyin",
            )
            for n, mark in enumerate(marks)
        ]
    )


@pytest.fixture
def store(tmp_path):
    opened = open_store(Settings(home=tmp_path))
    fill(opened)
    yield opened
    opened.close()


def pages(store, query, limit):
    found = [next_page(store, query, limit)]
    while found[-1].cursor:
        found.append(next_page(store, query, limit, found[-1]))
    return found


@pytest.mark.parametrize("sort", ["newest", "engagement"])
@pytest.mark.parametrize("limit", [1, 4, 15, 100])
def test_one_card_for_each_cluster_over_all_pages(store, sort, limit):
    found = pages(store, MentionQuery(sort=sort), limit)
    cards = [card for page in found for card in page.cards]
    assert len(cards) == 15 + 2
    assert {card.cluster: card.same for card in cards if card.cluster} == {PAID: 70, OTHER: 2}
    assert [page.number for page in found] == list(range(1, len(found) + 1))
    assert next_page(store, MentionQuery(sort=sort), limit, found[-1]) == found[-1]


def test_the_count_holds_under_the_filters_of_the_list(store):
    (page,) = pages(store, MentionQuery(platforms=("douyin",)), 100)
    assert {card.cluster: card.same + 1 for card in page.cards if card.cluster}[PAID] == 35


def test_who_asks_for_a_cluster_sees_its_members(store):
    found = pages(store, MentionQuery(clusters=(PAID,)), 15)
    assert sum(len(page.cards) for page in found) == 71
    assert not any(card.same for page in found for card in page.cards)


def test_what_people_count_or_feel_is_part_of_a_text(store):
    """A folded card of a text without a cluster cannot be opened: the complaint behind it would never be seen."""
    said = [("打10分", "positive"), ("打0分", "negative"), ("服务👍", "positive"), ("服务💩", "negative")]
    said += [("呵呵", "negative"), ("呵呵", "positive"), ("好喝！", "positive"), ("好喝。。", "positive")]
    store.save(
        [naive.record(900 + n, text, sentiment=mood, brands=("短评",)) for n, (text, mood) in enumerate(said)]
    )
    page = next_page(store, MentionQuery(brands=("短评",)), 20)
    assert sorted(card.same for card in page.cards) == [0] * 6 + [1]


def test_the_page_offers_what_is_folded(home, open_page):
    store = open_store(settings_file.load(home))
    now = store.health()["newest"]
    store.save([naive.record(10_000 + n, "星云奶茶买一送一", at=now, cluster=PAID) for n in range(42)])
    store.close()
    page = open_page("mentions", period="all")
    like = [button for button in page.button if button.label == "另有 41 条相似"]
    assert len(like) == 1
    like[0].click().run()
    assert page.query_params["like"] == PAID
    shown = "\n".join(e.proto.body for e in page.get("html"))
    assert "42 条" in shown
    assert "内容相近的" in shown
    english = open_page("mentions", period="all", lang="en")
    assert any(button.label == "and 41 like it" for button in english.button)
