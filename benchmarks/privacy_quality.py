"""How well personal data is found: python benchmarks/privacy_quality.py [--errors] [--part "held out"]

Over the texts of tests/fixtures/privacy_texts.txt, for each part and kind: precision and recall. A mask is right
when it has the kind and shares at least 0.7 of the characters that it and the mark cover together. "leaked": marks
of which a character stayed readable, whatever the kind of the mask beside it. "traps": texts without any mark, and
how many of them were left alone.
"""

from __future__ import annotations

import argparse
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from nlp.privacy import find

FILE = Path(__file__).parents[1] / "tests/fixtures/privacy_texts.txt"
PARTS = ("tuned on", "held out")
ALIKE = 0.7
_MARK = re.compile(r"\{(\w+):([^{}]*)\}")


class Span(NamedTuple):
    start: int
    end: int
    kind: str


class Case(NamedTuple):
    text: str
    spans: tuple[Span, ...]


def read(part: str, file: Path = FILE) -> list[Case]:
    """The texts of a part, their marks taken off."""
    lines = file.read_text(encoding="utf-8").split(f"## {part}\n")[1].split("\n## ")[0].splitlines()
    return [_case(line) for line in lines if line and not line.startswith("# ")]


def _case(line: str) -> Case:
    text, spans, at = "", [], 0
    for mark in _MARK.finditer(line):
        text += line[at : mark.start()]
        spans.append(Span(len(text), len(text) + len(mark[2]), mark[1]))
        text, at = text + mark[2], mark.end()
    return Case(text + line[at:], tuple(spans))


class Score(NamedTuple):
    """Counts by kind; `wrong` are the texts with a mistake, and what was found in them."""

    marked: Counter[str]
    found: Counter[str]
    right_marks: Counter[str]
    right_masks: Counter[str]
    leaked: Counter[str]
    traps: int
    traps_left_alone: int
    wrong: list[tuple[Case, tuple[Span, ...]]]

    def precision(self, kind: str) -> float:
        return self.right_masks[kind] / max(self.found[kind], 1) if self.found[kind] else 1.0

    def recall(self, kind: str) -> float:
        return self.right_marks[kind] / max(self.marked[kind], 1)


def score(cases: Iterable[Case]) -> Score:
    total = Score(Counter(), Counter(), Counter(), Counter(), Counter(), 0, 0, [])
    traps = left_alone = 0
    for case in cases:
        found = tuple(Span(one.start, one.end, one.kind) for one in find(case.text))
        total.marked.update(span.kind for span in case.spans)
        total.found.update(span.kind for span in found)
        total.right_marks.update(s.kind for s in case.spans if any(_alike(s, f) for f in found))
        total.right_masks.update(f.kind for f in found if any(_alike(f, s) for s in case.spans))
        masked = {at for span in found for at in range(span.start, span.end)}
        leaks = [s.kind for s in case.spans if any(at not in masked for at in range(s.start, s.end))]
        total.leaked.update(leaks)
        traps += not case.spans
        left_alone += not case.spans and not found
        if (
            leaks
            or [(s, f) for s, f in zip(case.spans, found, strict=False) if not _alike(s, f)]
            or len(found) != len(case.spans)
        ):
            total.wrong.append((case, found))
    return total._replace(traps=traps, traps_left_alone=left_alone)


def _alike(one: Span, other: Span) -> bool:
    shared = min(one.end, other.end) - max(one.start, other.start)
    both = max(one.end, other.end) - min(one.start, other.start)
    return one.kind == other.kind and shared >= ALIKE * both


def show(part: str, result: Score) -> None:
    texts = result.traps, result.traps_left_alone
    print(f"\n## {part}: {texts[0]} traps, {texts[1]} left alone\n")
    print("| kind | precision | recall | leaked | marks |\n| --- | --- | --- | --- | --- |")
    for kind in [*result.marked, "all"]:
        if kind == "all":
            sums = [
                c.total()
                for c in (result.right_masks, result.found, result.right_marks, result.marked, result.leaked)
            ]
            precision, recall, leaked, n = sums[0] / sums[1], sums[2] / sums[3], sums[4], sums[3]
        else:
            precision, recall = result.precision(kind), result.recall(kind)
            leaked, n = result.leaked[kind], result.marked[kind]
        print(f"| {kind} | {precision:.3f} | {recall:.3f} | {leaked} | {n} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=PARTS)
    parser.add_argument("--errors", action="store_true", help="print each text with a mistake")
    options = parser.parse_args()
    for part in [options.part] if options.part else PARTS:
        result = score(read(part))
        show(part, result)
        for case, found in result.wrong if options.errors else ():
            masks = [(case.text[f.start : f.end], f.kind) for f in found]
            wanted = [(case.text[s.start : s.end], s.kind) for s in case.spans]
            print(f"  {case.text}\n      wanted {wanted}\n      found  {masks}")


if __name__ == "__main__":
    main()
