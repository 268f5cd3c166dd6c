"""The way to the Redis of the inbox: its address and password, its scripts, and its faults in plain sentences."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import cache
from importlib import resources
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlsplit

from redis import Redis, exceptions
from redis.backoff import NoBackoff
from redis.retry import Retry

from index import log
from index.errors import InboxError, InboxFull, SettingsError
from index.settings import Settings, secret

PASSWORD = "EARSHOT_REDIS_PASSWORD"  # noqa: S105 (the name of the variable)
ANSWER_WITHIN = 20.0  # seconds for one answer: the longest step takes a hundredth of that
CONNECT_WITHIN = 5.0
PATIENCE = 120.0  # seconds in which a step is tried again: a restart that reads a file of some gigabytes
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0

Value = bytes | str | int | float
T = TypeVar("T")
_log = log.get("inbox")


def server_of(settings: Settings) -> Server:
    """The server that `settings.inbox` names; nothing is asked of it yet. `?prefix=NAME` in the address lets
    several installations share one database. Raises SettingsError."""
    try:
        address = urlsplit(settings.inbox)
    except ValueError as error:
        raise SettingsError(f"inbox: {error}. Write redis://HOST:6379/0.") from error
    if address.password:
        raise SettingsError(
            f"inbox: a password never stands in an address. Write {address.scheme}://{address.hostname} and put "
            f"the password into {PASSWORD} (environment or .env), or its file's name into {PASSWORD}_FILE."
        )
    query = dict(parse_qsl(address.query))
    prefix = query.pop("prefix", "earshot")
    if query:
        raise SettingsError(f"inbox: {', '.join(query)} in its address is not known; only prefix=NAME is.")
    options: dict[str, Any] = {"password": secret(PASSWORD, settings.home)}
    if settings.redis.ca_file:
        options["ssl_ca_certs"] = str(settings.home / settings.redis.ca_file)
    try:
        client = Redis.from_url(
            address._replace(query="").geturl(),
            socket_timeout=ANSWER_WITHIN,
            socket_connect_timeout=CONNECT_WITHIN,
            retry=Retry(NoBackoff(), 0),  # a step that may have run is repeated by us, under its token
            **options,
        )
    except (TypeError, ValueError) as error:
        raise SettingsError(f"inbox: {error}. Write redis://HOST:6379/0.") from error
    return Server(client, settings.inbox, f"{prefix}:inbox:")


class Server:
    """Runs steps and asks questions. Safe for several threads. All names of keys begin with `prefix`."""

    def __init__(self, client: Redis, address: str, prefix: str) -> None:
        self._client = client
        self.address = address
        self.prefix = prefix
        self._scripts = {name: client.register_script(text) for name, text in _texts().items()}
        self._reached = threading.Event()

    def step(self, script: str, *values: Value) -> Any:
        """Run a script that may safely run again. A server that was there before and is away, loading or changing
        roles is waited for, at most PATIENCE. Raises InboxError and InboxFull."""
        deadline = time.monotonic() + PATIENCE
        pause = FIRST_PAUSE
        while True:
            try:
                return self.ask(script, *values)
            except _Passing as error:
                if not self._reached.is_set() or time.monotonic() > deadline:
                    raise
                _log.warning("waiting for the inbox", seconds=pause, reason=str(error))
                time.sleep(pause)
                pause = min(LONGEST_PAUSE, pause * 2)

    def ask(self, script: str, *values: Value) -> Any:
        """Run a script once. Raises InboxError and InboxFull."""
        return self.use(lambda _: self._scripts[script]([self.prefix], values))

    def use(self, question: Callable[[Redis], T]) -> T:
        """Use the client. Raises InboxError and InboxFull; a bug of ours surfaces as it is."""
        try:
            answer = question(self._client)
        except exceptions.RedisError as error:
            known = _known(error, self.address)
            if known is None:
                raise
            raise known from error
        self._reached.set()
        return answer

    def close(self) -> None:
        self._client.close()


class _Passing(InboxError):
    """May be over in a moment."""


def _known(error: exceptions.RedisError, address: str) -> InboxError | None:
    """What an operator can mend, as a sentence."""
    text, at = str(error).rstrip("."), f"Redis at {address}"
    match error:
        case exceptions.AuthenticationError() | exceptions.AuthenticationWrongNumberOfArgsError():
            return InboxError(f"{at} refuses us: {text}. Put the right password into {PASSWORD}.")
        case exceptions.NoPermissionError():
            return InboxError(f"{at} does not allow this user enough: {text}. docs/redis.md lists the rights.")
        case exceptions.BusyLoadingError():
            return _Passing(f"{at} is still loading its data after a start. Wait a moment.")
        case exceptions.ReadOnlyError():
            return _Passing(f"{at} is a replica and takes no writes. Let `inbox` name the primary.")
        case exceptions.OutOfMemoryError():
            return InboxFull(
                f"{at} is out of memory. Start more workers (earshot work), look at the quarantine (earshot "
                "replay), or raise its maxmemory."
            )
        case exceptions.ConnectionError() | exceptions.TimeoutError():
            return _unreachable(text, at)
    if text.startswith("FULL "):
        return _full(text, at)
    if text.startswith("MISCONF"):
        return InboxError(f"{at} cannot write to its disk: {text}. Make room there and look at its log.")
    if "unknown command" in text.lower() or "near '#'" in text:
        return InboxError(f"{at} is too old: {text}. Earshot needs Redis 7 or newer.")
    return None


def _unreachable(text: str, at: str) -> InboxError:
    if "certificate" in text.lower():
        return InboxError(f"{at} shows a certificate that is not trusted: {text}. Name its CA: [redis] ca_file.")
    return _Passing(f"{at} cannot be reached: {text}. Start it, or correct `inbox` in earshot.toml.")


def _full(text: str, at: str) -> InboxFull:
    queue, kept = (int(part) / 1e6 for part in text.split()[1:3])
    return InboxFull(
        f"The inbox ({at}) is full: {queue:.0f} MB wait for workers and {kept:.0f} MB are in quarantine. Start "
        "more workers (earshot work), look at the quarantine (earshot replay), or raise [redis] megabytes."
    )


@cache
def _texts() -> dict[str, str]:
    """Each script with common.lua after its first line, which is its shebang."""
    folder = resources.files("index.inbox").joinpath("scripts")
    texts = {file.name.removesuffix(".lua"): file.read_text(encoding="utf-8") for file in folder.iterdir()}
    common = texts.pop("common")
    return {name: "\n".join((first, common, rest)) for name, (first, _, rest) in _split(texts)}


def _split(texts: dict[str, str]) -> list[tuple[str, tuple[str, str, str]]]:
    return [(name, text.partition("\n")) for name, text in texts.items()]
