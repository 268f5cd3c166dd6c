"""Texts that are nearly the same share a cluster, in every process and after a restart; different ones do not."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.clusters import REMEMBER, Clusters, Signature, _Known, likeness
from index.records import open_records
from index.records.protocol import Records
from index.settings import Settings
from nlp.similar import signature

TODAY = date(2026, 11, 29)
POSTS = [
    line
    for line in (Path(__file__).parents[1] / "fixtures/near_duplicates.txt")
    .read_text(encoding="utf-8")
    .splitlines()
    if not line.startswith("# ")
]
TEMPLATE = POSTS[0]


@pytest.fixture
def records(tmp_path: Path, records_address: str) -> Iterator[Records]:
    opened = open_records(Settings(home=tmp_path, records=records_address))
    yield opened
    opened.close()


def assign(records: Records, *texts: str, today: date = TODAY) -> list[str | None]:
    return Clusters(records).assign([signature(text) for text in texts], today=today)


def test_posts_that_speak_of_the_same_in_other_words_stay_apart(records: Records) -> None:
    assert len(set(assign(records, *POSTS))) == len(POSTS)


@pytest.mark.parametrize(
    "copy",
    [
        TEMPLATE,
        TEMPLATE.replace("，", " 💕 ") + "！！！",
        TEMPLATE + " #奶茶# #好物分享# @小美 https://t.cn/A6abcd",
        TEMPLATE.replace("星云奶茶", "山野茶铺"),
        TEMPLATE.replace("三分糖", "5 分糖").replace("半小时", "40分钟"),
        "家人们，" + TEMPLATE + "，链接在评论区",
        "，".join(reversed(TEMPLATE.split("，"))),
        "姊妹們真的給我衝！星雲奶茶新出的芋泥啵啵太絕了，三分糖剛剛好，芋泥綿密到像在吃冰淇淋，排隊半小時也值得，下次還來",
        "\u200b".join(TEMPLATE),
    ],
)
def test_a_changed_copy_is_in_the_cluster_of_the_first(records: Records, copy: str) -> None:
    first, *_ = assign(records, *POSTS)
    assert assign(records, copy) == [first]


def test_several_copies_in_one_batch_are_together(records: Records) -> None:
    one, other, third = assign(records, TEMPLATE, POSTS[5], TEMPLATE + "！")
    assert one == third != other


def test_a_beginning_that_many_texts_share_hides_no_copy(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of what shares a band only the newest are looked at: of a boilerplate there are more with every post."""
    monkeypatch.setattr("index.clusters.BAND", 3)
    header = "【门店公告】亲爱的顾客您好，以下内容来自本店粉丝投稿，仅代表个人观点："
    stories = [header + post for post in POSTS]
    keys = assign(records, *stories)
    assert [assign(records, f"{story}！")[0] for story in stories] == keys
    bands = {band for story in stories if (one := signature(story)) for band in one.bands}
    shared: Counter[int] = Counter()
    with records.write() as transaction:
        shared.update(dict(transaction.all("SELECT band, count(*) FROM cluster_band GROUP BY band", ())))
        known = _Known(transaction, bands)
    assert max(shared.values()) > 3 == max(map(len, known._by_band.values()))


def test_many_small_changes_do_not_join_what_is_different(records: Records) -> None:
    """Each step is a near-duplicate of the one before; the last has nothing of the first."""
    steps = [POSTS[1][:at] + TEMPLATE[at:] for at in range(0, len(POSTS[1]) + 1, 4)]
    keys = [assign(records, step)[0] for step in steps]
    assert keys[0] == keys[1]
    assert keys[0] != keys[-1]


@pytest.mark.parametrize(
    "text", ["", "好喝", "👍" * 500, "12345 " * 500, "Thanks for the quick response!", "哈" * 12]
)
def test_a_text_too_short_to_tell_has_no_cluster(records: Records, text: str) -> None:
    assert assign(records, text) == [None]


@given(st.text(max_size=300))
def test_any_text_has_the_same_signature_each_time(text: str) -> None:
    assert signature(text) == signature(text)


@pytest.mark.parametrize(
    "text", ["长" * 1_000_000, "ab" * 500_000, "#" * 1_000_000, "\ud800" * 100_000, "@a " * 300_000]
)
def test_a_megabyte_is_answered(records: Records, text: str) -> None:
    (key,) = assign(records, text)
    assert key is None or len(key) == 15


def test_another_process_knows_the_clusters(records: Records, tmp_path: Path, records_address: str) -> None:
    first, _ = assign(records, TEMPLATE, POSTS[5])
    code = (
        "import sys; from pathlib import Path; from datetime import date; from index.clusters import Clusters;"
        "from index.records import open_records; from index.settings import Settings;"
        "from nlp.similar import signature;"
        "r = open_records(Settings(home=Path(sys.argv[1]), records=sys.argv[3]));"
        "print(Clusters(r).assign([signature(sys.argv[2])], today=date(2026, 11, 30))[0]); r.close()"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path), TEMPLATE.replace("绝", "赞"), records_address],
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.strip() == first


def test_what_is_old_is_forgotten_and_leaves_no_rows(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    assign(records, *POSTS)
    monkeypatch.setattr("index.clusters.SWEEP", 1 << 63)
    monkeypatch.setattr("index.clusters.random.randrange", lambda _: 0)
    later = TODAY + REMEMBER + timedelta(days=1)
    text = "完全不同的一句话，说的是今天晚上在江边散步看到的烟花和一只很胖的橘猫"
    assign(records, text, today=later)
    assert records.one("SELECT count(*) FROM cluster") == (1,)
    assert records.one("SELECT count(DISTINCT cluster) FROM cluster_band") == (1,)


@given(st.binary(min_size=64, max_size=64), st.binary(min_size=64, max_size=64))
def test_likeness_is_a_share(one: bytes, other: bytes) -> None:
    assert 0 <= likeness(one, other) == likeness(other, one) <= 1
    assert likeness(one, one) == 1
    assert len(Signature((1,), one).key) == 15
