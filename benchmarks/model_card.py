"""Fill the numbers of the model card and the floors of quality.json, so that neither is written by hand.

    python benchmarks/model_quality.py --sets FOLDER --work WORK                     (of the default model)
    python benchmarks/model_quality.py --sets FOLDER --work WORK --model accurate
    PYTHONPATH=.:tests/fixtures python benchmarks/model_card.py --work WORK

The first two leave WORK/report-default.json and WORK/report-accurate.json. In nlp/weights/README.md the columns
that COLUMNS names are rewritten, row by row; a floor is what was reached less SLACK.
"""

import argparse
import json
import re
from collections.abc import Callable
from pathlib import Path

from golden import golden

from nlp.engine import ACCURATE, SHIPPED, OnnxModel, load_model
from nlp.evaluation.report import evaluate

SLACK = 0.005  # of a floor on dev rows: another processor rounds otherwise
OWN_SLACK = 0.03  # of a floor on our own 281 texts
MODELS = {"earshot-12l": ACCURATE, "earshot-6l": "default"}
OWN_MEASURES = {"sentiment": "accuracy", "aspects": "micro_f1", "sarcasm": "auc"}  # f1 else
Scores = dict[str, dict[str, float]]
Cell = Callable[[dict[str, Scores], str], str]


def percent(model: str, measure: str) -> Cell:
    return lambda reports, row: f"{100 * reports[model][row][measure]:.1f}"


def share(model: str, measure: str) -> Cell:
    return lambda reports, row: f"{reports[model][row][measure]:.3f}"


COLUMNS: dict[str, dict[str, Cell]] = {
    "Sentiment": {
        "earshot-12l": percent(ACCURATE, "macro_f1"),
        "earshot-6l": percent("default", "macro_f1"),
        "ECE 12l": share(ACCURATE, "ece"),
    },
    "Aspects": {
        "which are spoken of (F1)": percent(ACCURATE, "mention_f1"),
        "with polarity (F1)": percent(ACCURATE, "micro_f1"),
        "earshot-6l, with polarity": percent("default", "micro_f1"),
    },
    "Binary labels": {
        "F1": percent(ACCURATE, "f1"),
        "AUC": share(ACCURATE, "auc"),
        "earshot-6l, F1": percent("default", "f1"),
    },
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="folder with the two reports")
    work = parser.parse_args().work
    reports = {name: read_report(work / f"report-{name}.json") for name in MODELS.values()}
    own = {name: score_own(model) for name, model in MODELS.items()}
    card, quality = SHIPPED / "README.md", SHIPPED / "quality.json"
    lines = rewritten(card.read_text(encoding="utf-8").splitlines(), reports, own)
    card.write_text("\n".join(lines) + "\n", encoding="utf-8")
    floors = json.loads(quality.read_bytes())
    floors["heads"] = {name: own_floors(scores) for name, scores in own.items()}
    floors["dev"] = {
        name: {row: lowered(floor, reports[name][row], SLACK) for row, floor in of.items()}
        for name, of in floors["dev"].items()
    }
    quality.write_text(json.dumps(floors, indent=2) + "\n", encoding="utf-8")


def read_report(file: Path) -> Scores:
    return {one["name"]: one for one in json.loads(file.read_bytes())["sets"] if one["n"]}


def score_own(name: str) -> Scores:
    model = load_model(name if name == ACCURATE else None)
    assert isinstance(model, OnnxModel)
    return {head: evaluate(model, labelled) for head, labelled in golden().items()}


def own_floors(scores: Scores) -> dict[str, dict[str, float]]:
    return {head: lowered({OWN_MEASURES.get(head, "f1"): 0.0}, found, OWN_SLACK) for head, found in scores.items()}


def lowered(floor: dict[str, float], found: dict[str, float], slack: float) -> dict[str, float]:
    return {measure: round(found[measure] - slack, 3) for measure in floor}


def rewritten(lines: list[str], reports: dict[str, Scores], own: dict[str, Scores]) -> list[str]:
    """The card's lines with the cells of every row of every table that it has numbers for."""
    section, header, done = "", [], []
    for line in lines:
        if line.startswith("#"):
            section = line.lstrip("# ").partition(",")[0]
        if not line.startswith("|"):
            header = []
        cells = [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("|") else []
        if cells and not header:
            header = cells
        elif cells and not re.fullmatch("[-| ]+", line):
            line = "| " + " | ".join(filled(section, header, cells, reports, own)) + " |"
        done.append(line)
    return done


def filled(
    section: str, header: list[str], cells: list[str], reports: dict[str, Scores], own: dict[str, Scores]
) -> list[str]:
    row = dict(zip(header, cells, strict=True))
    for column, cell in COLUMNS.get(section, {}).items():
        row[column] = cell(reports, cells[0])
    if section == "Texts of our own":
        row |= {model: f"{scores[cells[0].replace(' ', '_')][cells[1]]:.2f}" for model, scores in own.items()}
    return list(row.values())


if __name__ == "__main__":
    main()
