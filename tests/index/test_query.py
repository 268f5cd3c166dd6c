"""The search box: what is understood, and what a person reads when it is not."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index.errors import QueryError
from index.query import And, FieldIs, Node, Not, Or, Term, highlight, write
from index.query_language import parse


def term(text: str, *, prefix: bool = False) -> Term:
    return Term(tokens=tuple(text.split()), prefix=prefix)


@pytest.mark.parametrize(
    ("text", "node"),
    [
        ("  ", None),
        ("奶茶", term("奶 茶")),
        ("奶茶 差评", And(nodes=(term("奶 茶"), term("差 评")))),
        ("奶茶 AND 差评", And(nodes=(term("奶 茶"), term("差 评")))),
        ('"ice Cream"', term("ice cream")),
        ("“奶茶”", term("奶 茶")),
        ("iPhone15手机", term("iphone15 手 机")),
        ("wi-fi", term("wi fi")),
        ("iph*", term("iph", prefix=True)),
        ('"good mor"*', term("good mor", prefix=True)),
        ("-广告", Not(node=term("广 告"))),
        ("NOT 广告", Not(node=term("广 告"))),
        ("--广告", term("广 告")),
        ("a b OR c", Or(nodes=(And(nodes=(term("a"), term("b"))), term("c")))),
        ("a (b OR c)", And(nodes=(term("a"), Or(nodes=(term("b"), term("c")))))),
        ("（a OR b）c", And(nodes=(Or(nodes=(term("a"), term("b"))), term("c")))),
        ("a ！ b", And(nodes=(term("a"), term("b")))),
        ("brand:喜茶", FieldIs(field="brand", value="喜茶")),
        ("品牌：喜茶", FieldIs(field="brand", value="喜茶")),
        ('author:"小 王"', FieldIs(field="author", value="小 王")),
        ("author:weibo:123", FieldIs(field="author", value="weibo:123")),
        ("情感:负面", FieldIs(field="sentiment", value="negative")),
        ("Sentiment:NEGATIVE", FieldIs(field="sentiment", value="negative")),
        ("since:2026-01-31", FieldIs(field="since", value="2026-01-30T16:00:00+00:00")),
        ("until:2026-01-31", FieldIs(field="until", value="2026-01-31T16:00:00+00:00")),
        ("until:20260131", FieldIs(field="until", value="2026-01-31T16:00:00+00:00")),
        ("until:2026-01-31T08:00", FieldIs(field="until", value="2026-01-31T00:00:00+00:00")),
        ("服务：差", term("服 务 差")),
        ("3:15", term("3 15")),
        ('"or" and', And(nodes=(term("or"), term("and")))),
    ],
)
def test_understood(text: str, node: Node | None) -> None:
    assert parse(text) == node


@pytest.mark.parametrize(
    ("text", "position", "message"),
    [
        ('奶茶 "差评', 3, "never closed"),
        ("奶茶 (差评", 3, "never closed"),
        ("奶茶) 差评", 2, "never opened"),
        ("a ()", 2, "empty"),
        ("a -", 2, "after the minus"),
        ("a - b)", 5, "never opened"),
        ("-！", 0, "minus needs a word"),
        ("a OR", 2, "word after"),
        ("OR a", 0, "word before"),
        ("a AND OR b", 2, "word after"),
        ('a "！"', 2, "between these quotation marks"),
        ("！！", 0, "no word"),
        ("brnad:喜茶", 0, "Did you mean brand"),
        ("a https://x.com", 2, "quote it"),
        ("brand:", 6, "needs a value"),
        ("a is:angry", 5, "linked, spam"),
        ("sentiment:bad", 10, "negative"),
        ("since:gestern", 6, "2026-01-31"),
        ("(" * 30 + "a" + ")" * 30, 20, "brackets"),
        ("a " * 300, 400, "parts"),
    ],
)
def test_not_understood_says_where_and_what_to_do(text: str, position: int, message: str) -> None:
    with pytest.raises(QueryError, match=message) as caught:
        parse(text)
    assert caught.value.position == position
    assert caught.value.pointer().endswith("\n" + " " * position + "^")


@settings(max_examples=500)
@given(
    st.one_of(
        st.text(max_size=30),
        st.text(alphabet='ab奶茶 ()（）"“”-－*:：!\n😋\ud800\x00', max_size=25),
        st.lists(
            st.sampled_from(
                [
                    "OR",
                    "AND",
                    "NOT",
                    "-",
                    "(",
                    ")",
                    "奶茶",
                    '"a b"',
                    "iph*",
                    "is:spam",
                    "品牌：x",
                    "until:2026-02-30",
                ]
            ),
            max_size=12,
        ).map(" ".join),
    )
)
def test_any_text_is_read_or_explained_and_written_back_the_same(text: str) -> None:
    node, error = read(text)
    assert error is None or (str(error) and 0 <= error.position <= len(text))
    assert node is None or read(write(node)) == (node, None)


def read(text: str) -> tuple[Node | None, QueryError | None]:
    try:
        return parse(text), None
    except QueryError as error:
        return None, error


@pytest.mark.parametrize(
    ("text", "query", "marked"),
    [
        ("喝了臺灣奶茶，奶 茶！", "奶茶 -咖啡", ["奶茶", "奶 茶"]),
        ("新iPhone15手机和ｉＰｈｏｎｅ", "iph*", ["iPhone15", "ｉＰｈｏｎｅ"]),
        ("奶茶茶，奶茶", "奶茶 OR 茶茶", ["奶茶茶", "奶茶"]),
        ("好❤️喝", "❤", ["❤️"]),
        ("奶茶", "-奶茶", []),
        ("奶茶", "is:spam", []),
    ],
)
def test_highlights(text: str, query: str, marked: list[str]) -> None:
    assert [text[start:end] for start, end in highlight(text, parse(query))] == marked
