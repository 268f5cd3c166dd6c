"""The shipped models on sets that no training read, beside one n-gram regression of all the sets that it did read.

    PYTHONPATH=. python benchmarks/unseen_sets.py --sets FOLDER

FOLDER holds the labelled sets (nlp/training/data.py). Of the sets that sets.toml does not name, texts whose aspects
all have one polarity have that as their sentiment; a text that any training set has is left out. The regression
(nlp.training.baseline: TF-IDF of characters) is trained on at most POOLED rows of every set with a sentiment.
Exits with 1 when a model is less than AHEAD points of macro-F1 above it, on average over the sets of a language.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from nlp.engine import ACCURATE, load_model
from nlp.evaluation.sets import DataError
from nlp.normalise import for_model
from nlp.training.baseline import NGRAMS, POOLED, macro_f1, read_train
from nlp.training.data import LABELS, NEUTRAL, Labelled, read_labelled, read_specs

AHEAD = 8.0  # points
MOST, FEWEST = 600, 60  # texts of a set; those of a smaller one tell nothing
STRENGTH = 4.0  # inverse regularisation, the middle one of the baseline's
LANGUAGES = ("zh", "en", "es", "fr")  # of the pruned vocabulary; no claim is made for others
MODELS = {"12 layers": ACCURATE, "6 layers": None}
Guess = Callable[[Sequence[str], Sequence[int]], list[int]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=Path, required=True, help="folder with one folder a set")
    folder = parser.parse_args().sets
    specs = read_specs()
    train = read_train(folder, None, {name: spec for name, spec in specs.items() if spec.task is None})
    seen = {for_model(row.text) for name in specs for row in read_texts(folder / name)}
    unseen = {path.name: judged(path, seen) for path in sorted(folder.iterdir()) if path.name not in specs}
    rng = random.Random(13)
    pool = [row for rows in train.values() for row in rng.sample(rows, min(POOLED, len(rows)))]
    guesses = {"n-grams": regression([(row.text, int(row.sentiment or 0)) for row in pool])}
    guesses |= {name: reader(ref) for name, ref in MODELS.items()}
    print(f"{'set':24s} {'texts':>5s} " + " ".join(f"{name:>9s}" for name in guesses) + "   macro-F1, %")
    ahead: dict[str, list[dict[str, float]]] = defaultdict(list)
    for name, rows in unseen.items():
        language = rows[0].lang.partition("-")[0] if rows else ""
        if len(rows) < FEWEST or language not in LANGUAGES:
            continue
        texts, labels = [row.text for row in rows], [LABELS.index(str(row.label)) for row in rows]
        scores = {of: 100 * macro_f1(labels, guess(texts, labels)) for of, guess in guesses.items()}
        print(f"{name:24s} {len(rows):5d} " + " ".join(f"{score:9.1f}" for score in scores.values()), flush=True)
        ahead[language].append({of: score - scores["n-grams"] for of, score in scores.items()})
    gains = {(language, of): fmean(one[of] for one in found) for language, found in ahead.items() for of in MODELS}
    for (language, of), gain in gains.items():
        print(f"{language}: {of} {gain:+.1f} points over {len(ahead[language])} sets")
    sys.exit(min(gains.values()) < AHEAD)


def read_texts(folder: Path) -> list[Labelled]:
    """Both splits of a set whose rows have a text; none of anything else."""
    files = [folder / f"{split}.jsonl.gz" for split in ("train", "dev")]
    return [row for file in files if file.exists() for row in read_labelled(file)]


def judged(folder: Path, seen: set[str]) -> list[Labelled]:
    """A sample of the texts that nobody trained on whose aspects agree, with their sentiment."""
    try:
        rows = {for_model(row.text): row for row in read_texts(folder) if row.aspects}
    except DataError:  # no set of texts
        return []
    found = [
        Labelled(row.text, row.lang, LABELS[1 + moods.pop()])
        for key, row in rows.items()
        if key not in seen and len(moods := set((row.aspects or {}).values())) == 1
    ]
    common = {mood for mood, count in Counter(row.label for row in found).items() if count >= FEWEST // 6}
    found = [row for row in found if row.label in common]
    return random.Random(13).sample(found, min(MOST, len(found)))


def regression(pool: Sequence[tuple[str, int]]) -> Guess:
    vectorizer = TfidfVectorizer(analyzer="char", ngram_range=NGRAMS, min_df=2, sublinear_tf=True)
    known = vectorizer.fit_transform([for_model(text) for text, _ in pool])
    classifier = LogisticRegression(C=STRENGTH, max_iter=200).fit(known, [label for _, label in pool])

    def guess(texts: Sequence[str], labels: Sequence[int]) -> list[int]:
        return best_of(classifier.predict_proba(vectorizer.transform([for_model(text) for text in texts])), labels)

    return guess


def reader(ref: str | None) -> Guess:
    model = load_model(ref)
    return lambda texts, labels: best_of(model.predict(texts), labels)


def best_of(shares, labels: Sequence[int]) -> list[int]:
    """The likeliest class; neutral is left out of sets that have none, as `earshot evaluate` does."""
    shares = shares.copy()
    if NEUTRAL not in labels:
        shares[:, NEUTRAL] = -1
    return shares.argmax(axis=1).tolist()


if __name__ == "__main__":
    main()
