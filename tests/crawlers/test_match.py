"""Which brands a text is said to speak of."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawlers.pipelines.match import Brands, Match
from index.documents import Mention
from index.inbox.protocol import Item
from index.settings import Brand

NOVA = Brand(
    name="Nova Coffee",
    aliases=("Nova", "星野咖啡", "@novacn"),
    products=("桂花拿铁", "N7"),
    exclude=("Nova Scotia", "星野咖啡机", "bossa nova"),
)
MATE = Brand(name="Mate", aliases=("马黛",), exclude=("室友 mate",))
BRANDS = Brands([NOVA, MATE])


def test_brands_come_in_the_order_of_the_settings() -> None:
    assert BRANDS.of_text("Mate or Nova?") == ("Nova Coffee", "Mate")


@pytest.mark.parametrize(
    "text",
    [
        "I like nova.",
        "NOVA!",
        "nova's latte",
        "ｎｏｖａ",  # full-width
        "今天喝nova真好",  # Chinese letters next to a Latin name are no part of it
        "nova咖啡",
        "nova  coffee",
        "Nova\ncoffee",
        "買了星野咖啡",
        "星野咖啡好喝",
        "点了一杯桂花拿鐵",  # a product, in Traditional
        "新款n7到了",
        "#NovaCoffee",
        "#nova-coffee is on",
        "看看 #星野咖啡# 吧",
        "#nova coffee#",
        "@nova_coffee hello",
        "谢谢@NovaCN！",
        "no\u200bva",  # a zero-width space hides nothing
        "Nova in Nova Scotia",  # one match outside the exclude phrase is enough
    ],
)
def test_a_text_that_speaks_of_the_brand(text: str) -> None:
    assert BRANDS.of_text(text) == ("Nova Coffee",)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "supernova",
        "novartis",
        "nova2",
        "the_nova_thing",
        "climate change",
        "we went to Nova Scotia",
        "NOVA  SCOTIA in autumn",
        "新买的星野咖啡机",
        "bossa nova all night",
        "@novacnet",
        "N70",
        "生产7",
        "#supernovacoffee",
    ],
)
def test_a_text_that_does_not(text: str) -> None:
    assert BRANDS.of_text(text) == ()


def test_an_exclude_phrase_of_one_brand_does_not_silence_another() -> None:
    both = Brands([NOVA, Brand(name="Scotia", aliases=("Nova Scotia",))])
    assert both.of_text("we went to Nova Scotia") == ("Scotia",)


def test_two_brands_may_share_an_alias() -> None:
    both = Brands([Brand(name="A", aliases=("拿铁",)), Brand(name="B", aliases=("拿铁",))])
    assert both.of_text("拿铁") == ("A", "B")


def test_names_that_say_nothing_match_nothing() -> None:
    assert Brands([]).of_text("nova") == ()
    assert Brands([Brand(name="  ", aliases=("", "\u200b"))]).of_text("a b  c") == ()


def mention(text: str = "", **more: object) -> Mention:
    return Mention(
        id="weibo:1", platform="weibo", source="s", text=text, published_at=datetime(2026, 1, 1, tzinfo=UTC), **more
    )


def matched(one: Mention) -> list[tuple[str, ...]]:
    return [item.mention.brands for item in Match([NOVA, MATE])([Item(mention=one)])]


def test_title_and_tags_are_read_too() -> None:
    assert matched(mention("好喝", title="星野咖啡新品")) == [("Nova Coffee",)]
    assert matched(mention("好喝", hashtags=("NovaCoffee",))) == [("Nova Coffee",)]
    assert matched(mention("好喝", hashtags=("nova scotia",))) == []


def test_what_a_map_knows_of_its_source_stays() -> None:
    assert matched(mention("味道不错", brands=("Mate",))) == [("Mate",)]
    assert matched(mention("nova 味道不错", brands=("Mate",))) == [("Mate", "Nova Coffee")]


def test_a_deletion_passes_whatever_is_left_of_the_text() -> None:
    assert matched(mention("", deleted=True)) == [()]


WORDS = st.text(st.sampled_from("ab é7_-#@ 咖啡星野ＡＢ拿鐵铁"), min_size=1, max_size=6)


@given(st.lists(WORDS, min_size=1, max_size=6), WORDS, st.text(max_size=20), st.text(max_size=20))
def test_a_name_between_spaces_is_always_found(aliases: list[str], name: str, before: str, after: str) -> None:
    brands = Brands([Brand(name=name, aliases=tuple(aliases))])
    expected = () if not name.strip() else (name,)
    assert brands.of_text(f"{before} {name} {after}")[: len(expected)] == expected


@given(st.lists(WORDS, min_size=1, max_size=6), st.text(st.sampled_from("ab7_ 咖啡星野拿铁#@"), max_size=30))
def test_more_brands_never_change_the_answer_of_one(aliases: list[str], text: str) -> None:
    alone = Brands([Brand(name="X1", aliases=tuple(aliases))]).of_text(text)
    crowd = [Brand(name=f"Y{n}", aliases=(alias + "拿",), exclude=(alias,)) for n, alias in enumerate(aliases)]
    assert ("X1" in Brands([*crowd, Brand(name="X1", aliases=tuple(aliases))]).of_text(text)) == bool(alone)


@given(
    st.text(st.sampled_from("ab7_ 咖啡"), min_size=1, max_size=3),
    st.text(st.sampled_from("ab7_ 咖啡"), max_size=20),
)
def test_found_means_written_there_as_a_word(alias: str, text: str) -> None:
    """Against a plain reading of the rule, character by character."""
    form, wanted = " ".join(text.split()), " ".join(alias.split())
    spaced = set("ab7_")
    expected = (
        any(
            form.startswith(wanted, at)
            and not (wanted[0] in spaced and at > 0 and form[at - 1] in spaced)
            and not (wanted[-1] in spaced and form[at + len(wanted) : at + len(wanted) + 1] in spaced | set())
            for at in range(len(form))
        )
        if wanted
        else False
    )
    assert bool(Brands([Brand(name="咖ab咖ab啡啡", aliases=(alias,))]).of_text(text)) == (
        expected or "咖ab咖ab啡啡" in form
    )
