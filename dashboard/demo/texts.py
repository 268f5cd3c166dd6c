"""The written material of the demo and how a post is put together from it."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

JOINTS = ("，", "！", "。", "~", " ", "…", "，，", "；")

LONG = 70  # characters: from here on a line is a story of its own

TEA = {"b": "青芽茶町", "e": "Qingya Tea", "r": "云朵山茶"}
TEA_PRODUCTS = ("雪顶青提", "桂花云乌龙", "芋泥小山", "茉莉椰椰", "燕麦铁观音")
RIVAL_PRODUCTS = ("栗子云朵", "白桃山岚", "咸奶盖乌龙")
APPLIANCE = {"b": "Velmio", "e": "Velmio", "v": "Velmio"}
APPLIANCE_PRODUCTS = ("MistCube", "BlendGo", "CrispPot")


@cache
def sections(name: str) -> dict[str, tuple[str, ...]]:
    """The lines of a file by section."""
    found: dict[str, list[str]] = {}
    current: list[str] = []
    for line in files("dashboard.demo").joinpath("texts", f"{name}.txt").read_text(encoding="utf-8").splitlines():
        if re.fullmatch(r"\[[a-z_]+\]", line):
            current = found.setdefault(line[1:-1], [])
        elif line and not line.startswith("# "):
            current.append(line)
    return {section: tuple(lines) for section, lines in found.items()}


@cache
def names(section: str) -> tuple[str, ...]:
    """The words of a section of names.txt."""
    return tuple(" ".join(sections("names")[section]).split())


# What is said of a tea brand in ordinary days, with how often. "+" joins clauses of sections.
TEA_TALK = {
    "taste_pos+tails_pos": 19, "taste_pos+service_pos+tails_pos": 4, "packaging_pos+tails_pos": 5,
    "value_pos+tails_pos": 4, "service_pos+tails_pos": 4, "sweet_neg+tails_neg": 5, "quality_neg+tails_neg": 3,
    "service_neg+tails_neg": 4, "wait_neg+tails_neg": 3, "price_neg+tails_neg": 4, "packaging_neg+tails_neg": 2,
    "sweet_neg+price_neg+tails_neg": 2, "taste_pos+price_neg": 3, "neutral+tails_neutral": 10, "questions": 6,
    "intents": 5, "compare_win+tails_pos": 3, "compare_lose": 3, "sarcasm_full": 2, "traditional_full": 3,
    "cantonese_full": 3, "english_full": 2, "mixed_full": 3, "short_full": 4,
}  # fmt: skip
CRISIS_TALK = {
    "crisis_full": 3, "crisis_starts+crisis_full": 4, "crisis_full+tails_neg": 4,
    "crisis_starts+crisis_full+tails_neg": 2, "sweet_neg+crisis_full": 1,
}  # fmt: skip
RIVAL_TALK = {
    "rival_full": 10, "taste_pos+tails_pos": 5, "sweet_neg+tails_neg": 4, "price_neg+tails_neg": 3, "neutral": 4,
    "service_neg+tails_neg": 3, "questions": 2, "quality_neg+tails_neg": 2, "packaging_pos": 2,
}  # fmt: skip
APPLIANCE_EN = {
    "en_pos": 10, "en_neg": 8, "en_pos+en_neutral": 3, "en_neg+en_questions": 2, "en_neutral": 3, "en_questions": 3,
    "en_intents": 2, "en_sarcasm": 2, "en_pos+en_pos": 4, "en_neg+en_neg": 4,
}  # fmt: skip
APPLIANCE_ZH = {
    "zh_pos": 6,
    "zh_neg": 5,
    "zh_neutral": 2,
    "zh_questions": 2,
    "zh_intents": 1,
    "zh_pos+zh_neutral": 2,
}
VENDOR_LABEL = {"pos": "正面", "neg": "负面", "crisis": "负面", "sarcasm": "正面", "neutral": "中性"}


class Writer:
    """Puts posts together; never the same long text twice."""

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice
        self._written: set[str] = set()
        self._told: Counter[str] = Counter()

    def write(
        self, talk: Mapping[str, float], file: str, words: dict[str, str], products: tuple[str, ...]
    ) -> tuple[str, str]:
        """A text and the recipe it was made by."""
        for _ in range(8):
            recipe = self._dice.choices(list(talk), list(talk.values()))[0]
            text = self.fill(self._join(sections(file), recipe), words, products)
            if text not in self._written or len(text) < 12:
                break
        self._written.add(text)
        return text, recipe

    def line(self, file: str, section: str, words: dict[str, str], products: tuple[str, ...]) -> str:
        """One line of a section."""
        return self.fill(self._dice.choice(sections(file)[section]), words, products)

    def _join(self, lines: dict[str, tuple[str, ...]], recipe: str) -> str:
        parts = [self._unworn(lines[section]) for section in recipe.split("+")]
        english = "en_" in recipe
        text = (" " if english else self._dice.choice(JOINTS)).join(dict.fromkeys(parts))
        opens = "openings" in lines and not (recipe.endswith("_full") or recipe == "questions")
        return self._dice.choice(lines["openings"]) + text if opens and self._dice.random() < 0.45 else text

    def _unworn(self, lines: tuple[str, ...]) -> str:
        """A line; a long story is told twice at most, for anybody would notice."""
        fresh = [line for line in lines if len(line) < LONG or self._told[line] < 2]
        line = self._dice.choice(fresh or lines)
        self._told[line] += 1
        return line

    def fill(self, text: str, words: dict[str, str], products: tuple[str, ...]) -> str:
        dice = self._dice
        values = {
            **words,
            "p": dice.choice(products),
            "city": dice.choice(names("cities")),
            "mall": dice.choice(names("malls")),
            "n": str(dice.randint(3, 60)),
            "yuan": str(dice.randint(17, 32)),
        }
        return re.sub(r"\{(\w+)\}", lambda found: values[found[1]], text)


def vendor_label(recipe: str, dice: random.Random) -> str | None:
    """What a listening vendor would have sold as sentiment: right four times in five, blind to irony."""
    if dice.random() < 0.2:
        return dice.choice(("正面", "中性", "负面", "--"))
    return next((label for word, label in VENDOR_LABEL.items() if word in recipe), "中性")
