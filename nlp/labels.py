"""What somebody else's classifier is given, and what its outputs mean in our three labels."""

from __future__ import annotations

import re
from collections.abc import Mapping

from index.errors import ModelError
from nlp.normalise import MAX_CHARS

MAX_TOKENS = 512  # where a model names no limit of its own
UNSURE_BELOW = 0.5  # more likely wrong than right, if the model's probabilities can be believed
_VERY, _HEN, _DE = "(very |strongly |extremely )?", "(非常|很|极度)?", "(的|情绪)?"
_NAMES = (
    re.compile(rf"{_VERY}(neg|negative|bad)|{_HEN}(负面|负向|消极|差评|不满意?){_DE}"),
    re.compile(rf"neu|neut|neutral|mixed|(中性|中立|中评){_DE}"),
    re.compile(rf"{_VERY}(pos|positive|good)|{_HEN}(正面|正向|积极|好评|满意){_DE}"),
)
_REMARK = re.compile(r"\s*[(（].*[)）]$")  # "negative (stars 1, 2 and 3)"
_NUMBER = re.compile(r"(?:label |stars? ?)?(\d)(?: ?stars?)?|(-?\d)|(\d)星")
_NUMBERED = {2: (0, 2), 3: (0, 1, 2), 5: (0, 0, 1, 2, 2)}  # places of LABEL_0, LABEL_1, ... or of stars


def as_written(text: str) -> str:
    """What any tokenizer survives: valid Unicode, at most MAX_CHARS characters, otherwise as written."""
    return text[:MAX_CHARS].encode("utf-8", "replace").decode().replace("\x00", " ")


def sentiment_places(names: Mapping[int, str], problem_type: str | None, ref: str) -> list[int]:
    """For each output of a model its place in LABELS (0 negative, 1 neutral, 2 positive).

    Understands names (neg, Neutral, 正面, "very positive"), LABEL_0.. of two, three or five classes in
    rising order, -1 to 1, and 1 to 5 stars. Raises ModelError when it would have to guess.
    """
    labels = [str(names[index]).strip().lower().replace("_", " ") for index in sorted(names)]
    if len(labels) < 2 or problem_type in ("regression", "multi_label_classification"):
        raise ModelError(f"{ref!r} is not a single-label classifier with two or more classes")
    places = [_place(label) for label in labels]
    known = [place for place in places if place is not None]
    if len(known) == len(labels) and {0, 2} <= set(known):
        return known
    if len(labels) in _NUMBERED and _rising_numbers(labels):
        return list(_NUMBERED[len(labels)])
    raise ModelError(
        f"the labels of {ref!r} ({', '.join(map(str, names.values()))}) are not negative, neutral, positive; "
        "name them so in id2label of its config.json"
    )


def _place(label: str) -> int | None:
    return next((place for place, pattern in enumerate(_NAMES) if pattern.fullmatch(_REMARK.sub("", label))), None)


def _rising_numbers(labels: list[str]) -> bool:
    matches = [_NUMBER.fullmatch(label) for label in labels]
    numbers = [int(match[1] or match[2] or match[3]) for match in matches if match]
    first = numbers[0] if numbers else 0
    return numbers == list(range(first, first + len(labels))) and (first in (0, 1) or numbers == [-1, 0, 1])
