"""How well near-duplicates are found: python benchmarks/near_duplicates.py [--seed 1] [--texts FILE.jsonl.gz ...]

Each of the posts in tests/fixtures/near_duplicates.txt (several on each subject) founds a cluster, then comes
again changed in ways that reposts and paid templates are. Recall: it is put into the cluster of its original.
Precision: of those put into any older cluster, how many belong there. --texts counts what is joined in JSONL files
with a "text" each, and prints some of it to be judged by eye. Last, the time of both steps for a mention.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import re
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import opencc

from index.clusters import Clusters
from index.records import open_records
from index.settings import Settings
from nlp.similar import signature

ROOT = Path(__file__).parents[1]
TODAY = date(2026, 11, 29)
Change = Callable[[str, random.Random], str]
_CLAUSE = re.compile(r"[^，。？！,.?!]+[，。？！,.?!]*\s?")
_traditional, _simplified = opencc.OpenCC("s2t").convert, opencc.OpenCC("t2s").convert


def posts() -> list[str]:
    lines = (ROOT / "tests/fixtures/near_duplicates.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if not line.startswith("# ")]


def clauses(text: str) -> list[str]:
    return _CLAUSE.findall(text)


def signs(text: str, chance: random.Random) -> str:
    return re.sub("[，。？！,.?!]+", lambda _: chance.choice(("～", "！！", " ", "💕", "。", "…😭")), text)


def tags(text: str, chance: random.Random) -> str:
    return f"{text} #今日份快乐#  #好物分享{chance.randrange(99)} @{chance.choice(('小美', 'Amy_01'))} https://t.cn/A6{chance.randrange(9999)}"


def other_script(text: str, _: random.Random) -> str:
    other = _traditional(text)
    return other if other != text else _simplified(text)


def spaced(text: str, chance: random.Random) -> str:
    return "".join(
        f"{char}\u200b" if chance.random() < 0.5 else f"{char} " * (char > "\u4e00") or char for char in text
    )


def words_changed(number: int) -> Change:
    """A name of a thing, a place or a brand is another one: runs of two to four characters, or whole words."""

    def change(text: str, chance: random.Random) -> str:
        for _ in range(number):
            if text.isascii():
                words = text.split(" ")
                words[chance.randrange(len(words))] = chance.choice(("kettle", "Vienna", "brother", "amazing"))
                text = " ".join(words)
            else:
                at = chance.randrange(len(text) - 4)
                text = (
                    text[:at]
                    + chance.choice(("山野", "西湖店", "某某旗舰", "柠檬茶"))
                    + text[at + chance.randint(2, 4) :]
                )
        return text

    return change


def letters_changed(share: float) -> Change:
    def change(text: str, chance: random.Random) -> str:
        pool = "etaoin" if text.isascii() else "的了是我不在有這個好"
        return "".join(chance.choice(pool) if chance.random() < share else char for char in text)

    return change


def clause_left_out(text: str, chance: random.Random) -> str:
    parts = clauses(text)
    parts.pop(chance.randrange(len(parts)))
    return "".join(parts)


def clause_added(text: str, chance: random.Random) -> str:
    return (
        chance.choice(("家人们听我说，", "OMG, ", "真實分享，"))
        + text
        + chance.choice(("，链接放评论区了", ", link in bio", "，快去試試"))
    )


def clause_replaced(text: str, chance: random.Random) -> str:
    parts = clauses(text)
    parts[chance.randrange(len(parts))] = chance.choice(clauses(chance.choice(posts())))
    return "".join(parts)


def in_another_order(text: str, chance: random.Random) -> str:
    parts = clauses(text)
    chance.shuffle(parts)
    return "".join(parts)


def cut(text: str, _: random.Random) -> str:
    return text[: int(len(text) * 0.7)]


CHANGES: dict[str, Change] = {
    "as it is": lambda text, _: text,
    "other signs and emoji": signs,
    "tags, names, a link": tags,
    "Traditional or Simplified": other_script,
    "blanks between letters": spaced,
    "one name changed": words_changed(1),
    "three names changed": words_changed(3),
    "5% of letters changed": letters_changed(0.05),
    "10% of letters changed": letters_changed(0.10),
    "clauses added at both ends": clause_added,
    "one clause left out": clause_left_out,
    "one clause replaced": clause_replaced,
    "clauses in another order": in_another_order,
    "cut after 70%": cut,
}


def quality(clusters: Clusters, chance: random.Random) -> None:
    originals = posts()
    keys = clusters.assign([signature(text) for text in originals], today=TODAY)
    joined = len(keys) - len(set(keys))
    print(f"{len(originals)} different posts, {joined} of them wrongly joined\n")
    print(f"{'change':28} {'recall':>7} {'precision':>10} {'n':>5}")
    total = [0, 0, 0]
    for name, change in CHANGES.items():
        changed = [change(text, chance) for text in originals for _ in range(4)]
        wanted = [key for key in keys for _ in range(4)]
        found = clusters.assign([signature(text) for text in changed], today=TODAY)
        right = sum(a == b for a, b in zip(found, wanted, strict=True))
        older = sum(key in set(keys) for key in found)
        total = [a + b for a, b in zip(total, (right, older, len(wanted)), strict=True)]
        print(f"{name:28} {right / len(wanted):7.3f} {right / max(older, 1):10.3f} {len(wanted):5}")
    print(f"{'all':28} {total[0] / total[2]:7.3f} {total[0] / total[1]:10.3f} {total[2]:5}")


def files(clusters: Clusters, paths: list[Path]) -> None:
    for path in paths:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        texts = [json.loads(line)["text"] for line in data.splitlines()]
        kept = [(text, s) for text in dict.fromkeys(texts) if (s := signature(text))]
        first: dict[str | None, str] = {}
        pairs = []
        for (text, _), key in zip(kept, clusters.assign([s for _, s in kept], today=TODAY), strict=True):
            if key in first:
                pairs.append((first[key], text))
            first.setdefault(key, text)
        print(f"\n{path}: {len(texts)} texts, {len(kept)} different and long enough, {len(pairs)} joined")
        for one, other in pairs[:: max(1, len(pairs) // 12)][:12]:
            print("  ", one[:90].replace("\n", " "), "\n    =", other[:90].replace("\n", " "))


def speed(clusters: Clusters, chance: random.Random) -> None:
    texts = [letters_changed(0.5)(chance.choice(posts()), chance) for _ in range(6_400)]
    start = time.process_time()
    signatures = [signature(text) for text in texts]
    hashed = time.process_time()
    for at in range(0, len(texts), 64):
        clusters.assign(signatures[at : at + 64], today=TODAY)
    end = time.process_time()
    print(f"\n{len(texts)} new texts: signature {(hashed - start) / len(texts) * 1e6:.0f} µs, ", end="")
    print(f"cluster {(end - hashed) / len(texts) * 1e6:.0f} µs of CPU each")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--texts", type=Path, nargs="*", default=[])
    options = parser.parse_args()
    chance = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as home:
        records = open_records(Settings(home=Path(home)))
        quality(Clusters(records), chance)
        files(Clusters(records), options.texts)
        speed(Clusters(records), chance)
        records.close()


if __name__ == "__main__":
    main()
