"""The model beside character n-gram TF-IDF + logistic regression, set by set, on the same rows.

    python benchmarks/model_quality.py --sets FOLDER

FOLDER holds the labelled sets (see nlp/training/data.py). Draws the rows that the shipped model was
trained on (same seed, same share), trains the baseline on them, scores both on every dev row.
Takes 5 to 10 minutes of one core. Exits with 1 when the model is behind in any set.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path


def step(module: str, *arguments: object) -> None:
    """Run one command of the training pipeline; its failure is ours."""
    done = subprocess.run([sys.executable, "-m", f"nlp.training.{module}", *map(str, arguments)], check=False)
    if done.returncode:
        sys.exit(done.returncode)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=Path, required=True, help="folder with one folder a set")
    parser.add_argument("--model", help="model folder or hub id; without it the shipped model")
    parser.add_argument("--work", type=Path, help="keep rows and scores here; without it they are thrown away")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        work = args.work or Path(scratch)
        step("data", "--sets", args.sets, "--out", work)
        step("baseline", "--rows", work, "--out", work / "baseline.json")
        chosen = ["--model", args.model] if args.model else []
        files = ["--baseline", work / "baseline.json", "--out", work / "scores.json"]
        step("evaluate", "--rows", work, *files, *chosen)


if __name__ == "__main__":
    main()
