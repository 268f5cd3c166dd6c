"""What the network is trained towards: labels where a row has them, a teacher's opinion where there is one."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, kl_div

from nlp.engine import LABELS
from nlp.heads import ABSENT, BINARY, CATEGORIES
from nlp.training.data import NEUTRAL, Row
from nlp.training.network import Outputs

VERDICT_SHARE = 0.25
# What a head's loss counts beside sentiment's. Aspects are summed over a row's categories, nearly all absent.
ASPECT_SHARE, BINARY_SHARE = 0.6, 0.5
TEACHER_SHARE = 0.6  # of the loss, when there is a teacher
WARMTH = 2.0  # temperature of the teacher's sentiment (Hinton et al. 2015, arXiv 1503.02531)


Known = dict[str, list[int]]  # source -> numbers of the categories that its scheme has


def known_categories(rows: Sequence[Row]) -> Known:
    """A category that no row of a set has is not one of its scheme: its absence says nothing there, but in a set
    whose people could have named any."""
    numbers = {name: number for number, name in enumerate(CATEGORIES)}
    found: dict[str, set[int]] = {}
    for row in rows:
        if row.aspects is not None:
            named = CATEGORIES if row.every_label else row.aspects
            found.setdefault(row.source, set()).update(numbers[name] for name in named)
    return {source: sorted(places) for source, places in found.items()}


def loss_of(outputs: Outputs, rows: Sequence[Row], known: Known, teacher: Outputs | None = None) -> Tensor:
    """The mean loss of the rows over all heads. A row that has every label is not taught: the teacher may not have
    read it, and it has nothing left to guess."""
    if teacher is None:
        return label_loss(outputs, rows, known)
    told = [place for place, row in enumerate(rows) if _has_every_label(row)]
    taught = [place for place, row in enumerate(rows) if not _has_every_label(row)]
    loss = outputs.sentiment.sum() * 0
    if told:
        loss = loss + label_loss(_only(outputs, told), [rows[place] for place in told], known) * len(told)
    if taught:
        student, some = _only(outputs, taught), [rows[place] for place in taught]
        labels, opinion = label_loss(student, some, known), teacher_loss(student, _only(teacher, taught))
        loss = loss + ((1 - TEACHER_SHARE) * labels + TEACHER_SHARE * opinion) * len(taught)
    return loss / len(rows)


def _has_every_label(row: Row) -> bool:
    return row.sentiment is not None and row.aspects is not None and len(row.binary) == len(BINARY)


def _only(outputs: Outputs, places: list[int]) -> Outputs:
    return Outputs(*(head[places] for head in outputs))


def label_loss(outputs: Outputs, rows: Sequence[Row], known: Known) -> Tensor:
    """The mean loss of the rows against their labels, over all heads."""
    sentiment = sentiment_loss(outputs.sentiment.float(), rows)
    aspects = aspect_loss(outputs.aspects.float(), rows, known)
    return sentiment + ASPECT_SHARE * aspects + BINARY_SHARE * binary_loss(outputs.binary.float(), rows)


def sentiment_loss(logits: Tensor, rows: Sequence[Row]) -> Tensor:
    """Weighted cross-entropy of [rows, 3] logits; two-class rows choose between their two classes.

    Verdict rows add VERDICT_SHARE * -log(1 - p(neutral)). Rows without a label count nothing.
    """
    masked = torch.zeros(len(rows), len(LABELS), dtype=torch.bool)
    masked[:, NEUTRAL] = torch.tensor([row.two_class for row in rows])
    targets = torch.zeros(len(rows), len(LABELS))
    for place, row in enumerate(rows):
        if row.sentiment is not None:
            targets[place] = row.smoothing / (2 if row.two_class else 3)
            targets[place, row.sentiment] += 1 - row.smoothing
    shares = logits.masked_fill(masked, -1e4).log_softmax(1)
    losses = -(targets * shares.masked_fill(masked, 0)).sum(1)
    polar = logits[:, [0, 2]].logsumexp(1) - logits.logsumexp(1)
    losses = losses - VERDICT_SHARE * polar * torch.tensor([row.verdict for row in rows])
    weights = torch.tensor([row.weight * (row.sentiment is not None) for row in rows])
    return (losses * weights).sum() / len(rows)


def aspect_loss(logits: Tensor, rows: Sequence[Row], known: Known) -> Tensor:
    """Cross-entropy of absent, negative, neutral, positive over the categories that a row's set knows."""
    places, numbers, targets = [], [], []
    for place, row in enumerate(rows):
        if row.aspects is not None:
            for number in known[row.source]:
                polarity = row.aspects.get(CATEGORIES[number])
                places.append(place)
                numbers.append(number)
                targets.append(ABSENT if polarity is None else 1 + polarity)
    if not places:
        return logits.sum() * 0
    return cross_entropy(logits[places, numbers], torch.tensor(targets), reduction="sum") / len(rows)


def binary_loss(logits: Tensor, rows: Sequence[Row]) -> Tensor:
    targets, weights = torch.zeros(len(rows), len(BINARY)), torch.zeros(len(rows), len(BINARY))
    for place, row in enumerate(rows):
        for name, value in row.binary.items():
            targets[place, BINARY.index(name)] = value
            weights[place, BINARY.index(name)] = row.binary_weight
    losses: Tensor = binary_cross_entropy_with_logits(logits, targets, reduction="none") * weights
    return losses.sum() / len(rows)


def teacher_loss(outputs: Outputs, teacher: Outputs) -> Tensor:
    """How far the student's probabilities are from the teacher's, over all heads and rows."""
    sentiment = WARMTH**2 * _divergence(outputs.sentiment / WARMTH, teacher.sentiment / WARMTH)
    aspects = _divergence(outputs.aspects, teacher.aspects)
    wanted = teacher.binary.float().sigmoid()
    binary = binary_cross_entropy_with_logits(outputs.binary.float(), wanted, reduction="sum")
    return (sentiment + ASPECT_SHARE * aspects + BINARY_SHARE * binary) / len(outputs.sentiment)


def _divergence(student: Tensor, teacher: Tensor) -> Tensor:
    wanted = teacher.float().log_softmax(-1)
    return kl_div(student.float().log_softmax(-1), wanted, reduction="sum", log_target=True)
