"""The other commands: what they print for scripts, how they fail, what their help teaches."""

from __future__ import annotations

import csv
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import openpyxl
import pytest

from dashboard.cli import app
from index import settings as settings_module
from index.alerts.cases import Cases
from index.documents import Correction
from index.stores import open_store
from nlp.training import data

Earshot = Callable[..., Any]
COMMANDS = sorted(command.name or command.callback.__name__ for command in app.registered_commands)
LINE = {
    "id", "platform", "url", "text", "published_at", "lang", "author", "brands", "sentiment", "probabilities",
    "aspects", "intents", "koc", "customer_id",
}  # fmt: skip
FIVE_ENDS = {"saved", "retried", "put_back", "given_up", "quarantined"}


@pytest.fixture
def filled(earshot: Earshot, branded: Path, export: Path) -> Earshot:
    assert earshot("import", str(export), "--yes", "--platform", "weibo", "--json").code == 0
    return earshot


def test_search_prints_one_mention_a_line_with_exactly_the_promised_keys(filled: Earshot) -> None:
    lines = filled("search", "雪顶青提", "--json").lines
    assert len(lines) == 2
    assert all(set(line) == LINE for line in lines)
    newest, oldest = lines
    assert newest["id"] == "weibo:702"
    assert oldest["text"] == "青芽茶町的雪顶青提太难喝了，差评"
    assert oldest["published_at"] == "2026-08-14T01:12:00Z"
    assert oldest["brands"] == ["青芽茶町"]
    assert oldest["author"]["followers"] == 12_000
    assert oldest["sentiment"] == "negative"
    assert sum(oldest["probabilities"].values()) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize(
    ("options", "count"),
    [
        (["雪顶青提"], 2), (["难喝"], 1), (["雪顶青提 -难喝"], 1), (["", "--platform", "douyin"], 0),
        (["", "--limit", "1"], 2),
        (["", "--since", "2026-08-15"], 1), (["", "--until", "2026-08-15"], 1),
        (["", "--sentiment", "negative"], 1),
        (["", "--brand", "青芽茶町"], 2), (["", "--brand", "nobody"], 0),
    ],
)  # fmt: skip
def test_count_prints_only_the_number(filled: Earshot, options: list[str], count: int) -> None:
    assert filled("search", *options, "--count").out == f"{count}\n"


def test_limit_holds(filled: Earshot) -> None:
    assert len(filled("search", "", "--limit", "1", "--json").lines) == 1


def test_times_for_people_are_those_of_the_home_as_the_filters_are(
    earshot: Earshot, branded: Path, export: Path
) -> None:
    with (branded / "earshot.toml").open("r+", encoding="utf-8") as file:
        text = file.read()
        file.seek(0)
        file.write('timezone = "Asia/Kathmandu"\n' + text)
    earshot("import", str(export), "--yes", "--platform", "weibo")
    assert earshot("search", "", "--since", "2026-08-15 09:59").out.startswith("2026-08-15 10:00  weibo")


@pytest.mark.parametrize("query", ["(雪顶", '"open', "OR", "nofield:x"])
def test_a_query_that_cannot_be_read_is_wrong_use_and_says_where(earshot: Earshot, query: str) -> None:
    answer = earshot("search", query, "--json")
    assert answer.code == 2
    assert answer.out == ""
    assert answer.err.count("\n") == 1
    assert "character" in answer.err


@pytest.mark.parametrize(
    "words",
    [
        ["search", "--since", "whenever"], ["search", "--sentiment", "angry"], ["search", "--sort", "best"],
        ["cases", "--state", "odd"],
        ["nonsense"], ["search", "--limit", "0"], ["export", "--to", "x.pdf"], ["status", "--xml"], [],
    ],
)  # fmt: skip
def test_wrong_use_is_exit_code_2(earshot: Earshot, words: list[str]) -> None:
    answer = earshot(*words)
    assert answer.code == 2
    assert answer.out == ""
    assert not words or answer.err.count("\n") == 1


def test_status_counts_the_five_ends_per_source(filled: Earshot) -> None:
    report = filled("status", "--json").json
    (source,) = report["sources"]
    assert source["name"] == "file:export.csv"
    assert set(source) >= FIVE_ENDS
    assert (source["saved"], source["unmatched"], source["quarantined"]) == (2, 1, 2)
    assert report["mentions"] == 2
    assert report["queue"] == 0


def test_cases_of_recent_complaints_are_listed(earshot: Earshot, branded: Path, tmp_path: Path) -> None:
    from datetime import datetime

    path = tmp_path / "now.csv"
    now = datetime.now().astimezone().isoformat(timespec="seconds")
    path.write_text(
        f"ID,内容,作者,粉丝数,时间\n9,青芽茶町太差了，难喝，垃圾服务，退钱,大号,50万,{now}\n", encoding="utf-8"
    )
    earshot("import", str(path), "--yes", "--platform", "weibo", "--json")
    (case,) = earshot("cases", "--json").json
    assert case["state"] == "new"
    assert case["brand"] == "青芽茶町"
    assert case["mention_ids"] == ["weibo:9"]
    assert (case["author"]["url"], case["author"]["followers"]) == (None, 500_000), "unknown is null, not absent"
    assert set(case["history"][0]) == {"at", "by", "action", "detail"}
    assert earshot("cases", "--state", "closed", "--json").json == []
    assert "大号" in earshot("cases").out


def test_alerts_not_delivered_are_told_by_status_and_doctor(filled: Earshot, branded: Path) -> None:
    assert filled("status", "--json").json["undelivered"] == 0
    assert "alerts" not in {check["name"] for check in filled("doctor", "--json").json["checks"]}
    give_up(branded)
    assert filled("status", "--json").json["undelivered"] == 1
    assert "1 alert was not delivered" in filled("status").out
    answer = filled("doctor", "--json")
    (check,) = [check for check in answer.json["checks"] if check["name"] == "alerts"]
    assert (answer.code, check["level"]) == (1, "problem")
    assert "ops: HTTP 500" in check["found"]
    assert "Send again" in check["do"]


def give_up(home: Path) -> None:
    """A case of the first mention, and its alert to `ops` that nobody took."""
    settings = settings_module.load(home)
    cases = Cases(settings)
    cases.records.run(
        "INSERT INTO cases (id, brand, author_key, topic, praise, round, rule, reason_en, reason_zh, minutes,"
        " state, opened_at, due_at, updated_at)"
        " VALUES ('c', 'b', 'a', 'other', 0, 0, 'r', '', '', 60, 'new', '', '', '')"
    )
    cases.records.run(
        "INSERT INTO outbox (case_id, mention_id, channel, state, created_at, next_at, error)"
        " VALUES ('c', 'weibo:701', 'ops', 'given_up', ?1, ?1, 'HTTP 500')",
        (datetime.now(UTC).isoformat(),),
    )
    cases.records.close()


def test_customers_are_imported_once_and_linked(filled: Earshot, tmp_path: Path) -> None:
    path = tmp_path / "crm.xlsx"
    book = openpyxl.Workbook()
    book.active.append(["客户编号", "姓名", "手机号", "微博昵称", "累计消费"])
    book.active.append(["C1", "林若彤", "13800138000", "小鹿", 120])
    book.active.append([None, "没有编号", "13900139000", None, 1])
    book.save(path)
    report = filled("customers", str(path), "--json").json
    assert (report["read"], report["inserted"], report["bad"], report["linked"]) == (2, 1, 1, 1)
    again = filled("customers", str(path), "--json").json
    assert (again["inserted"], again["unchanged"], again["linked"]) == (0, 1, 0)
    customers = {line["id"]: line["customer_id"] for line in filled("search", "", "--json").lines}
    assert customers == {"weibo:701": "C1", "weibo:702": None}


def test_export_writes_what_the_query_finds(filled: Earshot, tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    assert filled("export", "难喝", "--to", str(path), "--json").json["mentions"] == 1
    rows = list(csv.reader(path.read_text(encoding="utf-8-sig").splitlines()))
    assert len(rows) == 2


def test_init_writes_files_that_work_and_never_overwrites_unasked(earshot: Earshot, home: Path) -> None:
    assert earshot("init", "--brand", '青芽 "茶町"').code == 0
    assert settings_module.load(home).brands[0].name == '青芽 "茶町"'
    assert (home / ".env.example").exists()
    (home / "earshot.toml").write_text("# mine\n", encoding="utf-8")
    assert earshot("init").code == 1
    assert (home / "earshot.toml").read_text(encoding="utf-8") == "# mine\n"
    assert earshot("init", "--force").code == 0


def test_every_setting_is_described_in_the_template(earshot: Earshot, home: Path) -> None:
    earshot("init")
    text = (home / "earshot.toml").read_text(encoding="utf-8")
    documents = [
        getattr(settings_module, name) for name in ("Settings", "Brand", "Source", "Rule", "Channel", "Koc")
    ]
    names = {field.name for one in documents for field in msgspec.structs.fields(one)} - {"home"}
    missing = {name for name in names if name not in text}
    assert not missing


def test_examples_of_the_template_are_valid_when_uncommented(earshot: Earshot, home: Path) -> None:
    earshot("init")
    lines = (home / "earshot.toml").read_text(encoding="utf-8").splitlines()
    plain = [line.removeprefix("#") for line in lines if not line.startswith("# ")]
    (home / "earshot.toml").write_text("\n".join(plain), encoding="utf-8")
    settings = settings_module.load(home)
    assert settings.brands
    assert settings.sources
    assert settings.channels


def test_doctor_finds_nothing_wrong_with_a_fresh_home(earshot: Earshot, branded: Path) -> None:
    answer = earshot("doctor", "--json")
    assert answer.code == 0
    names = {check["name"] for check in answer.json["checks"]}
    assert {"python", "sqlite", "home", "settings", "brands", "disk", "store", "inbox", "model"} <= names


def test_doctor_says_what_to_do_about_each_problem(earshot: Earshot, home: Path) -> None:
    (home / "earshot.toml").write_text(
        '[[sources]]\nname = "w"\nplatform = "weibo"\ntoken_env = "NOT_SET_ANYWHERE"\n'
        '[[rules]]\nname = "r"\nkind = "complaint_aspect"\naspects = ["tast"]\n',
        encoding="utf-8",
    )
    (home / "mentions.sqlite").write_bytes(b"this is no database at all, only text" * 100)
    answer = earshot("doctor", "--json")
    assert answer.code == 1
    sick = {check["name"]: check for check in answer.json["checks"] if check["level"] == "problem"}
    assert {"source w", "store", "rule r"} <= set(sick)
    assert "taste" in sick["rule r"]["do"]
    assert all(check["do"] for check in sick.values())
    assert "NOT_SET_ANYWHERE" in sick["source w"]["do"]


def test_broken_settings_fail_every_command_in_one_line(earshot: Earshot, home: Path) -> None:
    (home / "earshot.toml").write_text('timezone = "Asia/Shanghai"\nbrand = []\n', encoding="utf-8")
    for words in (["status"], ["search", ""], ["crawl", "--once"], ["work", "--until-idle"]):
        answer = earshot(*words)
        assert answer.code == 1, words
        assert answer.err.count("\n") == 1, words
        assert "earshot.toml" in answer.err


def test_crawl_without_sources_says_how_to_add_one(earshot: Earshot, branded: Path) -> None:
    answer = earshot("crawl", "--once")
    assert answer.code == 1
    assert "[[sources]]" in answer.err


def test_text_from_outside_cannot_drive_the_terminal(earshot: Earshot, branded: Path, tmp_path: Path) -> None:
    path = tmp_path / "evil.csv"
    path.write_text("ID,内容,时间\n1,青芽茶町\x1b[2J\x1b]0;owned\x07[bold]x,2026-08-01\n", encoding="utf-8")
    shown = earshot("import", str(path), "--yes")
    found = earshot("search", "")
    assert "\x1b" not in shown.out + shown.err + found.out
    assert "\x07" not in shown.out + shown.err + found.out


@pytest.mark.parametrize("command", COMMANDS)
def test_help_teaches_with_an_example(earshot: Earshot, command: str) -> None:
    answer = earshot(command, "--help")
    assert answer.code == 0
    assert f"earshot {command}" in answer.out.split("Options:")[0].partition("\n")[2]
    assert "\\b" not in answer.out  # the mark that keeps the lines of examples apart


def test_help_is_instant_because_nothing_heavy_is_loaded() -> None:
    heavy = "scrapy streamlit onnxruntime structlog rich.console numpy openpyxl apsw"
    script = (
        "import sys, dashboard.cli as c; c.run_command(['--help']); "
        f"print([m for m in {heavy.split()!r} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_module_runs_as_the_command_does() -> None:
    done = subprocess.run([sys.executable, "-m", "dashboard.cli", "nonsense"], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("earshot: ")


def correct(home: Path, number: int, field: str, value: str) -> None:
    store = open_store(settings_module.load(home))
    moment = datetime(2026, 8, 16, tzinfo=UTC)
    store.correct(Correction(mention_id=f"weibo:70{number}", field=field, value=value, by="小李", at=moment))
    store.close()


def test_corrections_are_counted_and_written_as_training_rows(
    filled: Earshot, branded: Path, tmp_path: Path
) -> None:
    correct(branded, 1, "sentiment", "neutral")
    correct(branded, 2, "aspects", "taste:positive,price:negative")
    file = tmp_path / "rows.jsonl"
    report = filled("corrections", "--export", str(file), "--json").json
    assert report["rows"] == 2
    assert {"field": "sentiment", "labels": 1, "drawn": 0} in report["fields"]
    mood, aspects = (msgspec.json.decode(line) for line in file.read_bytes().splitlines())
    assert (mood["label"], mood["source"], mood["by"]) == ("neutral", "corrections", "小李")
    assert aspects["aspects"] == {"taste": 1, "price": -1}
    assert filled("corrections", "--field", "taste").code == 2
    assert filled("corrections", "--export", str(tmp_path / "no" / "x.jsonl")).code == 1


def test_corrections_become_sets_that_training_reads(filled: Earshot, branded: Path, tmp_path: Path) -> None:
    correct(branded, 1, "sentiment", "neutral")
    correct(branded, 1, "intents", "complaint,suggestion")
    correct(branded, 2, "aspects", "taste:positive,price:negative")
    report = filled("corrections", "--export", str(tmp_path / "sets"), "--json").json
    assert report["rows"] == 1 + 6 + 1
    specs = data.read_specs(tmp_path / "sets" / "sets.toml")
    rows = [
        row
        for name, spec in specs.items()
        for split in ("train", "dev")
        for row in data.read_set(tmp_path / "sets", split, name, spec)
    ]
    assert len(rows) == report["rows"]
    assert [row.sentiment for row in rows if row.sentiment is not None] == [1]
    assert {name: said for row in rows for name, said in row.binary.items() if said} == {
        "complaint": 1,
        "suggestion": 1,
    }
    assert next(row.aspects for row in rows if row.aspects) == {"taste": 2, "price": 0}


def test_rescoring_after_a_change_of_the_model_and_not_without_one(filled: Earshot, branded: Path) -> None:
    unchanged = filled("rescore", "--json").json
    assert (unchanged["examined"], unchanged["current"], unchanged["rescored"]) == (2, 2, 0)
    store = open_store(settings_module.load(branded))
    (record,) = store.get(["weibo:701"])
    assert record
    old = msgspec.structs.replace(record.analysis, model_version="0", sentiment="positive", intents=())
    store.save([msgspec.structs.replace(record, analysis=old)])
    report = filled("rescore", "--json").json
    assert (report["current"], report["rescored"], report["stopped"]) == (1, 1, False)
    (again,) = store.get(["weibo:701"])
    assert again
    assert again.analysis == msgspec.structs.replace(record.analysis, analysed_at=again.analysis.analysed_at)
    store.close()


def test_drift_of_labels_is_told_by_status_and_doctor(filled: Earshot, branded: Path) -> None:
    assert filled("status", "--json").json["drift"] == []
    store = open_store(settings_module.load(branded))
    (record,) = store.get(["weibo:701"])
    assert record
    for label, days in (("positive", 20), ("negative", 1)):
        at = datetime.now(UTC) - timedelta(days=days)
        copies = [
            msgspec.structs.replace(record.mention, id=f"weibo:{label}{n}", published_at=at) for n in range(150)
        ]
        said = msgspec.structs.replace(record.analysis, sentiment=label)
        store.save([msgspec.structs.replace(record, mention=copy, analysis=said) for copy in copies])
    store.close()
    (drift,) = filled("status", "--json").json["drift"]
    assert (drift["platform"], drift["measure"], drift["value"] > 0.25) == ("weibo", "labels", True)
    assert "labels of weibo: share of" in filled("status").out
    checks = filled("doctor", "--json").json["checks"]
    (hint,) = [check for check in checks if check["name"] == "labels weibo"]
    assert hint["level"] == "hint"
    assert "rescore" in hint["do"]


def test_a_model_is_scored_on_what_people_corrected(filled: Earshot, branded: Path) -> None:
    correct(branded, 1, "sentiment", "negative")
    correct(branded, 2, "sentiment", "negative")  # the model says positive
    correct(branded, 2, "intents", "praise")
    sets = {one["name"]: one for one in filled("evaluate", "--corrections", "--json", "-").json["sets"]}
    mood = sets["corrections:sentiment"]
    assert (mood["kind"], mood["n"], mood["accuracy"]) == ("sentiment", 2, 0.5)
    assert "corrections:praise" in sets
