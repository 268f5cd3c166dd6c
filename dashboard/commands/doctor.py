"""`earshot doctor`: is everything well, and what to do about what is not."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING

import msgspec
import typer

from dashboard.commands.checks import Check, guarded, of_health
from dashboard.commands.output import AsJson, one_line, print_json
from index.errors import EarshotError

if TYPE_CHECKING:
    from dashboard.commands.parts import Parts
    from index.settings import Channel, Settings, Source

LOW_DISK = 1 << 30  # bytes: a day of a busy brand, with room for the write-ahead logs
SAMPLE = ("这杯太甜了，喝两口就腻", "包装很好看，会回购", "Shipping took three weeks and nobody answered.") * 32


def doctor(as_json: AsJson = False) -> None:
    """Check Python, settings, disk, databases, the model and the sources. Exit code 1 when something is wrong.

    \b
    earshot doctor
    earshot doctor --json
    """
    checks = list(_checks())
    sick = [check for check in checks if check.level == "problem"]
    if as_json:
        print_json({"ok": not sick, "checks": [msgspec.structs.asdict(check) for check in checks]})
    else:
        for check in checks:
            mark = {"ok": "ok     ", "hint": "hint   ", "problem": "PROBLEM"}[check.level]
            typer.echo(f"{mark} {check.name}: {one_line(check.found)}" + (f" -> {check.do}" if check.do else ""))
    if sick:
        raise typer.Exit(1)


def _checks() -> Iterator[Check]:
    from dashboard.commands import doctor_cluster
    from dashboard.commands.parts import open_parts
    from index.settings import home, load

    yield _python()
    yield _sqlite()
    yield _home(str(home()))
    try:
        settings = load()
    except EarshotError as error:
        yield Check(name="settings", level="problem", found=str(error), do="correct earshot.toml")
        return
    yield from _settings(settings)
    yield _disk(settings)
    yield from doctor_cluster.checks(settings)
    with open_parts(settings) as parts:
        yield from of_health("store", lambda: parts.store.health())
        yield from of_health("inbox", lambda: parts.inbox.health())
        yield from of_health("records", lambda: parts.records.health())
        yield from guarded("model", lambda: [_model(settings)])
        yield from guarded("sources", lambda: _sources(parts))
        yield from guarded("labels", lambda: _labels(parts))
        yield from guarded("quarantine", lambda: _quarantine(parts))
        yield from guarded("alerts", lambda: _alerts(parts))


def _python() -> Check:
    version = sys.version.split()[0]
    good = sys.version_info >= (3, 11)
    return Check(
        name="python",
        level="ok" if good else "problem",
        found=version,
        do=None if good else "install Python 3.11 or newer",
    )


def _sqlite() -> Check:
    import apsw

    from index.database import OLDEST_SAFE

    good = apsw.SQLITE_VERSION_NUMBER >= OLDEST_SAFE
    found = f"{apsw.sqlite_lib_version()} (apsw {apsw.apsw_version()})"
    return Check(
        name="sqlite", level="ok" if good else "problem", found=found, do=None if good else "pip install -U apsw"
    )


def _home(folder: str) -> Check:
    from pathlib import Path

    path = Path(folder)
    if not path.exists():
        return Check(name="home", level="hint", found=f"{folder} is not there yet", do="earshot init")
    good = path.is_dir() and os.access(path, os.W_OK)
    return Check(
        name="home",
        level="ok" if good else "problem",
        found=folder if good else f"{folder} is no folder that can be written",
        do=None if good else f"chown it to this user, or set EARSHOT_HOME (user id {os.getuid()})",
    )


def _settings(settings: Settings) -> Iterator[Check]:
    from index import categories

    file = settings.home / "earshot.toml"
    if not file.exists():
        yield Check(name="settings", level="hint", found="no earshot.toml: defaults are used", do="earshot init")
    else:
        yield Check(name="settings", level="ok", found=str(file))
    brands = ", ".join(brand.name for brand in settings.brands)
    yield Check(
        name="brands",
        level="ok" if brands else "hint",
        found=brands or "none: every mention is kept and belongs to no brand",
        do=None if brands else "name your brands in earshot.toml",
    )
    known = categories.names(settings)
    for rule in settings.rules:
        for unknown in [name for name in rule.aspects if name not in known]:
            found = f"no mention has the aspect {unknown!r}"
            yield Check(name=f"rule {rule.name}", level="problem", found=found, do=f"write {', '.join(known)}")
    for channel in settings.channels:
        yield from guarded(f"channel {channel.name}", partial(_opens, channel, settings))


def _opens(channel: Channel, settings: Settings) -> Iterable[Check]:
    from index.alerts.channels import open_channel

    open_channel(channel, settings)
    return ()


def _reads(source: Source, settings: Settings) -> Iterator[Check]:
    """Its platform, its options and its token; nothing is asked of it."""
    from dashboard.commands.replay import connector_map
    from index.settings import secret

    connector_map(source, settings)
    if source.token_env and not secret(source.token_env, settings.home):
        do = f"write {source.token_env}=... into .env"
        yield Check(name=f"source {source.name}", level="problem", found=f"{source.token_env} is not set", do=do)


def _disk(settings: Settings) -> Check:
    folder = settings.home
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    return Check(
        name="disk",
        level="ok" if free > LOW_DISK else "problem",
        found=f"{free / (1 << 30):.1f} GB free",
        do=None if free > LOW_DISK else "make room: the databases stop when the disk is full",
    )


def _model(settings: Settings) -> Check:
    from nlp.engine import load_model

    start = time.process_time()
    model = load_model(settings.model, settings.threads)
    loaded = time.process_time() - start
    model.predict(list(SAMPLE[:3]))
    start = time.process_time()
    model.predict(list(SAMPLE))
    speed = len(SAMPLE) / max(time.process_time() - start, 1e-6)
    found = f"{model.name} {model.version}, loaded in {loaded:.1f} s, {speed:.0f} short texts per CPU-second"
    return Check(name="model", level="ok", found=found)


def _sources(parts: Parts) -> Iterator[Check]:
    settings = parts.settings
    if not settings.sources:
        yield Check(name="sources", level="hint", found="none", do="add [[sources]] or bring files: earshot import")
    for source in settings.sources:
        if source.enabled:
            yield from guarded(f"source {source.name}", partial(_reads, source, settings))
    for one in parts.sources.health(settings):
        name = f"source {one.name}"
        if one.state in ("failing", "blocked"):
            yield Check(name=name, level="problem", found=one.last_error or one.state, do=_REMEDY[one.state])
        elif one.state == "silent":
            yield Check(
                name=name, level="problem", found=f"nothing new since {one.last_seen_at}", do=_REMEDY["silent"]
            )
        else:
            yield Check(name=name, level="ok", found=one.state)


_REMEDY = {
    "failing": "it is tried again by itself; if it lasts, check address and network",
    "blocked": "renew the token, or log in to the site and see what it wants",
    "silent": "see whether the site still answers: earshot crawl --once",
}


def _quarantine(parts: Parts) -> Iterator[Check]:
    for entry in parts.inbox.quarantined(limit=1):
        found = f"the newest, of {entry.source}: {entry.reason}"
        yield Check(name="quarantine", level="hint", found=found, do="earshot replay lists it and tries it again")


def _alerts(parts: Parts) -> Iterator[Check]:
    from index.alerts.cases import Cases
    from index.alerts.delivery import deliveries

    for newest in deliveries(parts.records, "given_up", limit=1):
        count = Cases(parts.settings, parts.records).counts()["undelivered"]
        found = f"{count} not delivered; the newest, to {newest.channel}: {newest.error}"
        do = "mend the channel, then press Send again on the Cases page"
        yield Check(name="alerts", level="problem", found=found, do=do)


def _labels(parts: Parts) -> Iterator[Check]:
    """Drift is a hint: people may talk differently, and only a person can tell whether the model is at fault."""
    from datetime import UTC, datetime

    from index.labels.drift import watch

    watched = watch(parts.store, datetime.now(UTC))
    for drift in watched.found:
        do = "check a sample on the Sources page; after a change of the model: earshot rescore"
        yield Check(name=f"labels {drift.platform}", level="hint", found=drift.text, do=do)
    if not watched.found:
        compared = ", ".join(watched.compared)
        yield Check(name="labels", level="ok", found=f"as before: {compared}" if compared else "too few to compare")


def add_to(app: typer.Typer) -> None:
    app.command()(doctor)
