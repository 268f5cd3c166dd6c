"""Settings: one typed place. `EARSHOT_HOME/earshot.toml` plus secrets from the environment or `.env`.

To add a setting: add a field with a default and a reason if the number is odd, describe it in
`dashboard/templates/earshot.toml` (a test fails when a setting is missing there).
Secrets never stand in earshot.toml: a source names the environment variable that holds its token.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from index.categories import RETIRED, SHIPPED
from index.clocks import zone_of
from index.errors import SettingsError

Count = Annotated[int, Meta(ge=1)]
Number = Annotated[int, Meta(ge=0)]
Span = Annotated[float, Meta(gt=0)]


class Brand(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A brand to listen for. A mention matches by `name`, `aliases` or `products`, unless every match lies
    inside an `exclude` phrase. `competitors` are names of other [[brands]]."""

    name: str
    aliases: tuple[str, ...] = ()
    products: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    competitors: tuple[str, ...] = ()
    own: bool = True


class Source(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One place to gather from. `platform` names a file in crawlers/platforms or crawlers/spiders.

    `every` is the poll interval in seconds. `silent_after` seconds without a new mention raise the alarm.
    `options` belong to the platform (its file documents them). `token_env` names the environment variable
    that holds the secret.
    """

    name: str
    platform: str
    every: Span = 300.0
    silent_after: Span = 86_400.0
    enabled: bool = True
    token_env: str | None = None
    options: dict[str, Any] = {}


RuleKind = Literal["negative_customer", "negative_reach", "complaint_aspect", "praise"]


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When to open a case. `answer_within` is the time to answer in minutes.

    `min_followers`: for negative_reach. `aspects`: for complaint_aspect (empty: any). `channels` are names
    of [[channels]]; the desk always gets the case. `max_age_hours`: an older mention opens no case, so
    that a history import floods nobody.
    """

    name: str
    kind: RuleKind
    brands: tuple[str, ...] = ()
    aspects: tuple[str, ...] = ()
    min_followers: Number = 10_000
    min_probability: Annotated[float, Meta(ge=0, le=1)] = 0.6
    answer_within: Count = 120
    max_age_hours: Span = 72.0
    channels: tuple[str, ...] = ()


class Channel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where alerts go besides the desk. `type` names a file in index/alerts/channels."""

    name: str
    type: str
    url: str | None = None
    secret_env: str | None = None
    options: dict[str, Any] = {}


class Koc(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Audience band of a key opinion consumer, in followers, and the low-spend limit in `currency`."""

    min_followers: Number = 300
    max_followers: Number = 50_000
    low_spend: float = 500.0


class Category(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A category of the brand's own, found by its likeness to `examples` and to the rows of `file` (CSV with a
    column "text", inside the home folder unless absolute). `zh` and `en` are its names on the desk."""

    name: str
    zh: str | None = None
    en: str | None = None
    examples: tuple[str, ...] = ()
    file: str | None = None


class Elasticsearch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to speak to the cluster when `store` is one. `ca_file`: the CA's certificate (PEM), absolute or inside
    `home`; without it the operating system's are trusted. User, password and key come from the environment."""

    ca_file: str | None = None
    timeout: Span = 30.0  # seconds for one answer: a slow aggregation over everything takes less than one
    retries: Number = 5  # of a busy cluster or a cut connection: with the pauses between them about six seconds
    analyzer: Literal["standard", "smartcn", "ik_max_word"] = "standard"
    shards: Count = 1  # of each month's index; docs/deployment.md says when more


class Redis(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to speak to Redis when `inbox` is one. `ca_file`: the CA's certificate (PEM) for rediss://, absolute or
    inside `home`; without it the operating system's are trusted. The password comes from the environment.
    `megabytes` bounds what waits in its memory: beyond it the gatherers wait for the workers."""

    ca_file: str | None = None
    megabytes: Count = 512  # about 170,000 mentions with what the platform answered, each 1 to 3 KB and 1.4 more


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything a process needs to know. `home` is set by load()."""

    home: Path = Path()
    timezone: str = "Asia/Shanghai"
    store: str = "sqlite:mentions.sqlite"
    inbox: str = "sqlite:inbox.sqlite"
    records: str = "sqlite:records.sqlite"
    model: str | None = None
    threads: Count = 1
    batch: Count = 64  # mentions a worker borrows at once: about a third of a second of the model
    lease_seconds: Span = 60.0  # longer than the slowest batch, short enough that a dead worker is noticed
    max_tries: Count = 5
    pseudonyms: bool = False
    pictures: str | None = None  # address of the queue of pictures to be read; None: they are not
    contact: str | None = None  # web page or mail address in the User-Agent, for the owners of sites we read
    currency: str = "¥"  # of the CRM's amounts, as the desk writes it before them: "HK$", "EUR"
    desk_host: str = "127.0.0.1"
    desk_port: Annotated[int, Meta(ge=1, le=65_535)] = 8501
    brands: tuple[Brand, ...] = ()
    sources: tuple[Source, ...] = ()
    rules: tuple[Rule, ...] = ()
    channels: tuple[Channel, ...] = ()
    categories: tuple[Category, ...] = ()
    koc: Koc = Koc()
    elasticsearch: Elasticsearch = Elasticsearch()
    redis: Redis = Redis()

    def path(self, address: str) -> Path:
        """The file of a "sqlite:NAME" address, inside `home` unless absolute."""
        return self.home / address.removeprefix("sqlite:")

    def brand(self, name: str) -> Brand | None:
        return next((b for b in self.brands if b.name == name), None)


def home() -> Path:
    """The folder of settings and data: EARSHOT_HOME, else ./earshot-home."""
    return Path(os.environ.get("EARSHOT_HOME") or "earshot-home").expanduser().resolve()


def load(folder: Path | None = None) -> Settings:
    """Read earshot.toml of `folder` (default: home()); without the file, the defaults.

    EARSHOT_MODEL, EARSHOT_STORE, EARSHOT_INBOX and EARSHOT_RECORDS win over the file. Raises SettingsError with
    the place of the mistake.
    """
    folder = folder or home()
    if folder.exists() and not folder.is_dir():
        raise SettingsError(f"EARSHOT_HOME: {folder} is a file. Name a folder.")
    file = folder / "earshot.toml"
    data = read_toml(file) if file.exists() else {}
    for name in ("model", "store", "inbox", "records"):
        if value := os.environ.get(f"EARSHOT_{name.upper()}"):
            data[name] = value
    try:
        settings = msgspec.convert(data, Settings, strict=True)
    except msgspec.ValidationError as error:
        raise SettingsError(
            f"{file}: {error}. Correct that line; `earshot init` writes a commented example."
        ) from error
    _check_zone(settings, file)
    _check_names(settings, file)
    _check_references(settings, file)
    return msgspec.structs.replace(settings, home=folder)


def secret(name: str | None, folder: Path) -> str | None:
    """A secret from the environment, else from `folder`/.env, else from the file that NAME_FILE of either names
    (as container secrets are handed over); None when it is not set or `name` is None. Raises SettingsError when
    that file cannot be read."""
    if name is None:
        return None
    written = _dotenv(folder / ".env")
    value, file = (os.environ.get(each) or written.get(each) for each in (name, f"{name}_FILE"))
    return value or (_secret_file(f"{name}_FILE", folder / file) if file else None)


def _secret_file(name: str, file: Path) -> str | None:
    try:
        return file.read_text(encoding="utf-8").strip() or None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{name}: {file} cannot be read ({error}). Correct the path or its rights.") from error


def read_toml(file: Path) -> dict[str, Any]:
    """A file that people write. Raises SettingsError with the place of a mistake."""
    try:
        return tomllib.loads(_text_of(file))
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{file}: {error}. The file must be TOML in UTF-8.") from error


def _text_of(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")  # editors of Windows put a mark before the first line
    except UnicodeDecodeError as error:
        raise SettingsError(f"{file}: {error}. Save it as UTF-8.") from error
    except OSError as error:
        raise SettingsError(f"{file} cannot be read: {error.strerror}. Correct its rights.") from error


def _check_zone(settings: Settings, file: Path) -> None:
    try:
        zone_of(settings.timezone)
    except ValueError as error:
        raise SettingsError(
            f"{file}: timezone = {settings.timezone!r} is no zone. Write one such as Asia/Shanghai."
        ) from error


def _check_names(settings: Settings, file: Path) -> None:
    for group, names in (
        ("brands", [b.name for b in settings.brands]),
        ("sources", [s.name for s in settings.sources]),
        ("rules", [r.name for r in settings.rules]),
        ("channels", [c.name for c in settings.channels]),
        ("categories", [c.name for c in settings.categories]),
    ):
        if not all(name.strip() for name in names):
            raise SettingsError(f"{file}: one of [[{group}]] has an empty name. Write one.")
        twice = {n for n in names if names.count(n) > 1}
        if twice:
            raise SettingsError(f"{file}: [[{group}]] has {sorted(twice)[0]!r} twice; names must differ.")
    for category in settings.categories:
        _check_category(category, file)


def _check_references(settings: Settings, file: Path) -> None:
    """A brand or channel that is named must be there: a misspelt one would do nothing, and nobody would notice."""
    known = {"brands": {b.name for b in settings.brands}, "channels": {c.name for c in settings.channels}}
    for who, group, name in _references(settings):
        if name not in known[group]:
            raise SettingsError(f"{file}: {who} {name!r} has no [[{group}]] entry. Correct the name, or add one.")


def _references(settings: Settings) -> Iterator[tuple[str, str, str]]:
    """Who names something, of which group, and the name."""
    for brand in settings.brands:
        yield from ((f"brand {brand.name!r}: competitor", "brands", name) for name in brand.competitors)
    for rule in settings.rules:
        yield from ((f"rule {rule.name!r}: brand", "brands", name) for name in rule.brands)
        yield from ((f"rule {rule.name!r}: channel", "channels", name) for name in rule.channels)
    for source in settings.sources:
        if isinstance(brand_of_all := source.options.get("brand"), str) and brand_of_all:
            yield f"source {source.name!r}: brand", "brands", brand_of_all


def _check_category(category: Category, file: Path) -> None:
    if not re.fullmatch(r"\w{1,40}", category.name):
        raise SettingsError(f"{file}: category {category.name!r}: a name is letters, digits and _ only.")
    if category.name in SHIPPED or category.name in RETIRED:
        raise SettingsError(f"{file}: category {category.name!r} is one of the shipped ones; take another name.")
    if not category.examples and not category.file:
        raise SettingsError(f"{file}: category {category.name!r} has no examples; give some, or a file of them.")


def _dotenv(file: Path) -> dict[str, str]:
    if not file.exists():
        return {}
    lines = (line.strip() for line in _text_of(file).splitlines())
    pairs = (line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    return {key.removeprefix("export ").strip(): value.strip().strip("\"'") for key, value in pairs}
