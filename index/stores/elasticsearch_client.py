"""A way to the cluster: `store = "elasticsearch:https://host:9200/prefix"` becomes a configured client.

    elasticsearch:https://es1:9200,es2:9200        any node of the cluster may answer; indices begin with "earshot"
    elasticsearch:https://es1:9200/tea             indices begin with "tea"

Who we are comes from the environment, `.env`, or a file (EARSHOT_ES_PASSWORD_FILE names it): EARSHOT_ES_USER with
EARSHOT_ES_PASSWORD, or EARSHOT_ES_API_KEY. The CA file (or EARSHOT_ES_CA_FILE), timeout and retries stand
under [elasticsearch].

What an operator can mend becomes a StoreError that says what to do. What a caller decides on (400, 404, 409)
and bugs surface as the exceptions of elasticsearch-py.
"""

from __future__ import annotations

import logging
import os
import random
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec
from elastic_transport import (
    ApiResponse,
    ConnectionError,  # noqa: A004 - the name it has in the library
    ConnectionTimeout,
    JsonSerializer,
    NdjsonSerializer,
    TlsError,
    Transport,
    TransportApiResponse,
    TransportError,
)
from elasticsearch import ApiError, Elasticsearch, UnsupportedProductError

from index import metrics
from index.errors import SettingsError, StoreError
from index.settings import Settings, secret

SCHEME = "elasticsearch:"
EXAMPLE = 'store = "elasticsearch:https://localhost:9200"'
PREFIX = re.compile(r"[a-z0-9][a-z0-9_-]*")
BUSY = (429, 502, 503, 504)  # another moment or another node may do
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0  # seconds
MAJOR = 9

logging.getLogger("elastic_transport").addHandler(logging.NullHandler())  # what it warns of becomes one sentence


class Address(NamedTuple):
    """Where the cluster is, and how its indices begin."""

    nodes: tuple[str, ...]
    prefix: str


def parse(address: str) -> Address:
    """Take `store = ...` apart. Raises SettingsError."""
    parts = address.removeprefix(SCHEME).split(",")
    scheme = urlsplit(parts[0]).scheme
    urls = [part if "://" in part else f"{scheme}://{part}" for part in parts]
    nodes = tuple(_node(url, address) for url in urls)
    prefix = urlsplit(urls[-1]).path.strip("/") or "earshot"
    if not PREFIX.fullmatch(prefix):
        raise SettingsError(
            f"store = {address!r}: {prefix!r} cannot begin the name of an index. Use a-z, 0-9, - and _."
        )
    return Address(nodes, prefix)


def _node(url: str, address: str) -> str:
    parts = urlsplit(url)
    if "@" in url:
        raise SettingsError(
            "store: user and password do not belong into earshot.toml. Set EARSHOT_ES_USER and EARSHOT_ES_PASSWORD."
        )
    try:
        port = parts.port or 9200
    except ValueError:
        port = 0
    if parts.scheme not in ("http", "https") or not parts.hostname or not port or parts.query:
        raise SettingsError(f"store = {address!r} is not an address of Elasticsearch. Write for example {EXAMPLE}")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}:{port}"


def connect(settings: Settings) -> Client:
    """A client of the cluster that `settings.store` names; opens no connection yet. Raises SettingsError."""
    address = parse(settings.store)
    options: dict[str, Any] = {**_who(settings), **_trust(settings, address)}
    return Client(
        list(address.nodes),
        transport_class=_Patient,
        serializers={each.mimetype: each for each in (_Json(), _Lines())},
        request_timeout=settings.elasticsearch.timeout,
        max_retries=settings.elasticsearch.retries,
        **options,
    )


def _who(settings: Settings) -> dict[str, Any]:
    user, password, api_key = (
        secret(f"EARSHOT_ES_{name}", settings.home) for name in ("USER", "PASSWORD", "API_KEY")
    )
    if api_key:
        return {"api_key": api_key}
    if bool(user) != bool(password):
        there, missing = ("USER", "PASSWORD") if user else ("PASSWORD", "USER")
        raise SettingsError(f"EARSHOT_ES_{there} is set and EARSHOT_ES_{missing} is not: set both or neither.")
    return {"basic_auth": (user, password)} if user else {}


def _trust(settings: Settings, address: Address) -> dict[str, Any]:
    """Certificates are always checked: against the CA file, else against those of the operating system."""
    named = os.environ.get("EARSHOT_ES_CA_FILE") or settings.elasticsearch.ca_file
    if named is None or not address.nodes[0].startswith("https:"):
        return {}
    file = settings.home / named
    if not file.is_file():
        raise SettingsError(
            f"ca_file = {named!r}: {file} is not there. Copy the CA certificate (PEM) of the cluster."
        )
    return {"ca_certs": str(file)}


class _Json(JsonSerializer):
    """Several times as fast as the library's own, which reads and writes with the standard library."""

    def json_dumps(self, data: Any) -> bytes:
        return msgspec.json.encode(data)

    def json_loads(self, data: bytes) -> Any:
        return msgspec.json.decode(data)


class _Lines(NdjsonSerializer):
    """Lines that are ready, in one piece, go out as they are; the library would copy them twice."""

    def dumps(self, data: Any) -> bytes:
        return data if isinstance(data, bytes) else super().dumps(data)


class _Patient(Transport):
    """Retries with back-off and jitter; the library's own retries of a busy cluster (429) come without a pause."""

    @metrics.CLUSTER_SECONDS.time()
    def perform_request(self, method: str, target: str, **options: Any) -> TransportApiResponse:
        wanted = options.get("max_retries")  # the client hands its setting over with each request
        attempts = (wanted if isinstance(wanted, int) else self.max_retries) + 1
        options["max_retries"] = 0
        for attempt in range(1, attempts + 1):
            try:
                response = super().perform_request(method, target, **options)
            except (TlsError, ConnectionTimeout):  # will not be better in a moment
                raise
            except ConnectionError:
                if attempt == attempts:
                    raise
                reason = "connection"
            else:
                if attempt == attempts or not _may_do_later(response):
                    return response
                reason = str(response.meta.status)
            metrics.CLUSTER_RETRIES.labels(reason).inc()
            time.sleep(random.uniform(0.5, 1) * min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (attempt - 1)))
        raise AssertionError("the last attempt returns or raises")


class Client(Elasticsearch):
    """elasticsearch-py whose every call raises StoreError for what an operator can mend."""

    def perform_request(self, method: str, path: str, **options: Any) -> ApiResponse[Any]:
        try:
            response = super().perform_request(method, path, **options)
        except TransportError as error:
            if sentence := self._why_no_answer(error) or _of_connection(error):
                raise StoreError(f"{self._where()} {sentence}") from error
            raise
        except (ApiError, UnsupportedProductError) as error:
            if explained := self.explained(error):
                raise explained from error
            raise
        if lacking := _lacking(response.body):
            raise StoreError(f"{self._where()} {_red(lacking)}")
        for why in _unread(response.body):
            raise self.refusal(503, why) or StoreError(f"{self._where()} could not read a document ({why}).")
        return response

    def _why_no_answer(self, error: TransportError) -> str | None:
        """Writing, or making it visible, waits a minute for a shard that is on no node: red is not slow."""
        if not isinstance(error, ConnectionTimeout):
            return None
        only, accept = {"filter_path": "unassigned_primary_shards"}, {"accept": "application/json"}
        try:
            health = super().perform_request("GET", "/_cluster/health", params=only, headers=accept).body
        except (TransportError, ApiError):
            return None
        missing = health.get("unassigned_primary_shards")
        return _red(f"{missing} of the cluster") if missing else None

    def explained(self, error: ApiError | UnsupportedProductError) -> StoreError | None:
        """The StoreError when an operator can mend it."""
        sentence = self._of_answer(error)
        return StoreError(f"{self._where()} {sentence}") if sentence else None

    def refusal(self, status: int, error: Mapping[str, Any]) -> StoreError | None:
        """Of one item of a bulk answer: the StoreError when the cluster or our rights are at fault, which hits
        every document alike; None when it is the document (400, 409), to be decided by the caller."""
        sentence = _of_status(status, str(error.get("type")), str(error.get("reason")), self._user())
        return StoreError(f"{self._where()} {sentence}") if sentence else None

    def check_version(self) -> None:
        """Raises StoreError unless every node is Elasticsearch 9. `GET /` would do, but minimal builds lack it."""
        nodes = self.nodes.info(filter_path="nodes.*.version")["nodes"].values()
        old = sorted({node["version"] for node in nodes if int(node["version"].partition(".")[0]) < MAJOR})
        if old:
            raise StoreError(f"{self._where()} {_too_old(', '.join(old))}")

    def _where(self) -> str:
        return f"Elasticsearch at {', '.join(node.base_url for node in self.transport.node_pool.all())}"

    def _user(self) -> str | None:
        """How we say who we are, for messages: never the secret itself."""
        scheme = (self._headers.get("authorization") or "").partition(" ")[0].lower()
        return {"basic": "EARSHOT_ES_USER and EARSHOT_ES_PASSWORD", "apikey": "EARSHOT_ES_API_KEY"}.get(scheme)

    def _of_answer(self, error: ApiError | UnsupportedProductError) -> str | None:
        if isinstance(error, UnsupportedProductError):
            return f"is something else: its answers lack the product's name. Check the address: {EXAMPLE}"
        detail = error.body.get("error") if isinstance(error.body, dict) else None
        kind, reason = (detail.get("type"), detail.get("reason")) if isinstance(detail, dict) else (None, None)
        causes = detail.get("root_cause") or [{}] if isinstance(detail, dict) else [{}]
        if kind == "search_phase_execution_exception" and causes[0].get("type"):
            kind, reason = causes[0]["type"], causes[0].get("reason")
        return _of_status(error.meta.status, str(kind), str(reason or error.body), self._user())


def _may_do_later(response: TransportApiResponse) -> bool:
    if response.meta.status in BUSY:
        return not _is_blocked(response.body)
    return any(True for _ in _unread(response.body)) or any(
        answer.get("status") in BUSY and not _is_blocked(answer) for answer in _answers(response.body)
    )


def _answers(body: Any) -> Sequence[Mapping[str, Any]]:
    """To each of several searches, which was refused or not; the whole is 200."""
    found: Sequence[Mapping[str, Any]] = body.get("responses", ()) if isinstance(body, dict) else ()
    return found


def _is_blocked(body: Any) -> bool:
    """A block by full disks comes as 429; it stays until somebody makes room, so trying again is of no use."""
    error = body.get("error") if isinstance(body, dict) else None
    return isinstance(error, dict) and error.get("type") == "cluster_block_exception" and "index [" in str(error)


def _lacking(body: Any) -> str | None:
    """Of answers to a search or a count: which part of the shards is missing in them. Elasticsearch would have us
    show what the others hold, as if it were all."""
    answers = body.get("responses", [body]) if isinstance(body, dict) else []
    for answer in answers:
        shards = answer.get("_shards", {}) if "hits" in answer or "count" in answer else {}
        if shards.get("failed"):
            return f"{shards['failed']} of {shards['total']} do not answer"
    return None


def _unread(body: Any) -> Iterator[Mapping[str, Any]]:
    """Of an answer to mget: why documents could not be looked at, as while a shard moves after the loss of a node.
    Elasticsearch says 200, and who asks only for `found` would take them for documents that are not there."""
    for document in body.get("docs", ()) if isinstance(body, dict) else ():
        error = document.get("error")
        if error and error["type"] != "index_not_found_exception":  # a month that was dropped holds nothing
            yield error


def _red(which: str) -> str:
    return (
        f"has a red index: shards of it are on no node ({which}). Start the missing node; GET"
        " _cluster/allocation/explain says why."
    )


def _of_connection(error: TransportError) -> str | None:
    cause = str(error.errors[0] if error.errors else error.message)
    if isinstance(error, ConnectionTimeout):
        return f"did not answer in time ({_short(cause)}). See whether it is overloaded, or raise `timeout`."
    if not isinstance(error, ConnectionError):
        return None
    if "WRONG_VERSION_NUMBER" in cause:
        return "speaks plain HTTP on this port: write http:// in `store`, or switch TLS on in the cluster."
    if "ostname mismatch" in cause or "IP address mismatch" in cause:
        return f"has a certificate for another name ({_short(cause)}). Use the name in the certificate in `store`."
    if isinstance(error, TlsError) or "CERTIFICATE_VERIFY_FAILED" in cause:
        return (
            f"has a certificate that is not trusted ({_short(cause)}). Set ca_file under [elasticsearch] to the CA"
            " certificate of this cluster."
        )
    return (
        f"cannot be reached ({_short(cause)}). Check that it runs, the address, and the firewall; a cluster with"
        " TLS wants https://."
    )


def _of_status(status: int, kind: str, reason: str, user: str | None) -> str | None:
    """The sentence for an answer that an operator can do something about, else None."""
    if status == 401:
        do = f"Correct {user}." if user else "Set EARSHOT_ES_USER and EARSHOT_ES_PASSWORD, or EARSHOT_ES_API_KEY."
        return f"does not know us (wrong or missing password or key). {do}"
    if kind == "cluster_block_exception" and "index [" in reason:
        return _blocked(reason)
    if status == 403:  # a HEAD request has no reason
        return _not_allowed(reason)
    if kind == "media_type_header_exception":
        return _too_old("older than 9")
    if kind in ("no_shard_available_action_exception", "unavailable_shards_exception"):
        return _red(_short(reason))
    if status == 429:
        return f"has too much to do ({_short(reason)}). It is tried again; if it lasts, add nodes or send less."
    if status in (502, 503, 504):
        return f"is not ready ({_short(reason)}). Look at GET _cluster/health and the log of its master."
    if status >= 500:
        return f"failed ({kind}: {_short(reason)}). Its log says more."
    return None


def _not_allowed(reason: str) -> str:
    """The server's reason names action, user, indices and the privileges that would grant it."""
    action = re.search(r"action \[([^]]+)\]", reason)
    user = re.search(r"for (?:user|API key id) \[([^]]+)\]", reason)
    indices = re.search(r"on (?:restricted )?indices \[([^]]+)\]", reason)
    grants = re.search(r"granted by the (index|cluster) privileges \[([^]]+)\]", reason)
    if not action or not user:
        return f"does not allow this: {_short(reason)}. Give the user the role of index/stores/roles/earshot.json."
    least = grants[2].split(",")[0] if grants else "the right one"
    scope = f"the {grants[1] if grants else ''} privilege {least!r}".replace("  ", " ")
    where = f" on {indices[1]}" if indices else ""
    return (
        f"does not allow {user[1]!r} to do {action[1]}{where}. Give its role {scope}; the whole role is in"
        " index/stores/roles/earshot.json."
    )


def _blocked(reason: str) -> str:
    index = re.search(r"index \[([^]]+)\]", reason)
    name = index[1] if index else "an index"
    if "flood" in reason or "read-only-allow-delete" in reason or "read-only / allow delete" in reason:
        return (
            f"keeps {name} read-only because its disks are full (flood stage). Make room or add a node; it opens"
            " the index again by itself, and what waits in the inbox is written then."
        )
    return f"keeps {name} blocked ({_short(reason)}). Somebody set that: PUT {name}/_settings lifts it."


def _too_old(version: str) -> str:
    return f"is {version}; Earshot needs Elasticsearch {MAJOR}. Upgrade every node of the cluster."


def _short(text: str) -> str:
    return text if len(text) <= 200 else f"{text[:197]}..."
