"""The shipped models beside character n-gram TF-IDF + logistic regression on every set's own rows.

    python benchmarks/model_quality.py --sets FOLDER [--model accurate] [--rows ROWS] [--work FOLDER] [--floors]

FOLDER holds the labelled sets (see nlp/training/data.py). The baseline reads all rows of a set, or with --rows
those that nlp.training.data drew for the training of the model; the model is scored by `earshot evaluate` on the
dev rows. A baseline that is in --work already is not trained again (half an hour).
Exits with 1 when the model is behind in any set, or with --floors when one of nlp/weights/quality.json is missed.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from nlp.engine import SHIPPED


def run(*command: object) -> None:
    done = subprocess.run([sys.executable, "-m", *map(str, command)], check=False)
    if done.returncode:
        sys.exit(done.returncode)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=Path, required=True, help="folder with one folder a set")
    parser.add_argument("--model", help='model folder, hub id or "accurate"; without it the default model')
    parser.add_argument("--rows", type=Path, help="folder with the rows that the model was trained on")
    parser.add_argument("--work", type=Path, help="keep baseline and report here; without it they are thrown away")
    parser.add_argument(
        "--floors", action="store_true", help="hold the report against quality.json, without baseline"
    )
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        work = args.work or Path(scratch)
        work.mkdir(parents=True, exist_ok=True)
        dev = sorted(args.sets.glob("*/dev.jsonl.gz"))
        report = work / f"report-{args.model or 'default'}.json".replace("/", "_")
        chosen = ["--model", args.model] if args.model else []
        run("dashboard.cli", "evaluate", *chosen, "--json", report, *dev)
        scores = {one["name"]: one for one in json.loads(report.read_bytes())["sets"] if one["n"]}
        sys.exit(missed_floors(scores, args.model) if args.floors else behind(scores, args.sets, args.rows, work))


def behind(scores: dict, sets: Path, rows: Path | None, work: Path) -> int:
    file = work / ("baseline-same-rows.json" if rows else "baseline.json")
    if not file.exists():
        run("nlp.training.baseline", "--sets", sets, *(["--rows", rows] if rows else []), "--out", file)
    baseline, count = json.loads(file.read_bytes()), 0
    print(f"{'set':28s} {'dev':>5s} | {'TF-IDF':>7s} {'model':>7s} {'ahead':>6s}   macro-F1, %")
    for name, theirs in baseline.items():
        ours = scores[name]
        ahead = 100 * (ours["macro_f1"] - theirs["macro_f1"])
        count += ahead < 0
        shown = f"{100 * theirs['macro_f1']:7.1f} {100 * ours['macro_f1']:7.1f} {ahead:+6.1f}"
        print(f"{name:28s} {ours['n']:5d} | {shown}")
    return int(count > 0)


def missed_floors(scores: dict, model: str | None) -> int:
    floors = json.loads((SHIPPED / "quality.json").read_bytes())["dev"][model or "default"]
    missed = 0
    for name, floor in floors.items():
        measure, least = next(iter(floor.items()))
        low = scores[name][measure] < least
        missed += low
        print(f"{name:28s} {measure:9s} {scores[name][measure]:.3f} {'BELOW' if low else '>='} {least}")
    return int(missed > 0)


if __name__ == "__main__":
    main()
