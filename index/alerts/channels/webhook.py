"""A signed POST to an address of the brand's own.

Headers of a delivery:

    Content-Type: application/json
    Earshot-Delivery: case-1f6a...                 the case id; a repeat after a crash carries the same
    Earshot-Signature: t=1790000000,v1=5257a8...   seconds since 1970, and HMAC-SHA256 in hex

The signature is over the bytes `t`, a full stop and the body as it came, with the secret that `secret_env`
names. A receiver checks it as `verify` below does, before it reads the body. Body: {"event", "case", "mention",
"analysis"} in the vocabulary of index/documents.py; it never holds a customer's contact data.
An answer 2xx says yes, unless its JSON holds an error: errcode, code or StatusCode other than 0 and 2xx, or
"ok" or "success" false.
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import re
import time
from hashlib import sha256
from typing import Any, ClassVar
from urllib.parse import urlsplit

import httpx2 as httpx
import msgspec

from index.documents import Case, Record
from index.errors import AuthFailed, Blocked, Retry, SettingsError, SourceError, Throttled
from index.settings import Channel as ChannelSettings
from index.settings import Settings
from index.waits import retry_after

TIMEOUT = 10.0  # seconds for the whole exchange; `options.timeout` changes it
TOLERANCE = 300  # seconds a signature stays valid: clocks differ, but an old delivery cannot be played again
LONGEST_ANSWER = 64 * 1024  # a yes needs no more
_NUMBER = re.compile("-?[0-9]{1,20}")
_CODES = ("errcode", "err_code", "error_code", "code", "StatusCode")
_PASSING = frozenset({408, 425, 500, 502, 503, 504})


class Webhook:
    """Needs `url` (https, or http on this machine) and `secret_env`."""

    type: ClassVar[str] = "webhook"

    def __init__(self, channel: ChannelSettings, secret: str | None) -> None:
        self._url = _checked_url(channel)
        if not secret:
            raise SettingsError(
                f"[[channels]] {channel.name!r}: a webhook is signed; name its secret in secret_env."
            )
        self._secret = secret
        timeout = channel.options.get("timeout", TIMEOUT)
        if not isinstance(timeout, int | float) or not 0 < timeout <= 60:
            raise SettingsError(
                f"[[channels]] {channel.name!r}: options.timeout must be over 0 and up to 60 seconds."
            )
        self._timeout = float(timeout)

    def send(self, case: Case, record: Record, settings: Settings) -> None:  # noqa: ARG002
        """See the contract (protocol.py) and the module for what is sent."""
        body = payload(case, record)
        headers = {
            "Content-Type": "application/json",
            "Earshot-Delivery": case.id,
            "Earshot-Signature": sign(self._secret, body, int(time.time())),
        }
        status, answer_headers, answer = asyncio.run(self._post(body, headers))
        fault = fault_of(status, answer_headers, answer)
        if fault is not None:
            raise fault

    async def _post(self, body: bytes, headers: dict[str, str]) -> tuple[int, httpx.Headers, bytes]:
        """Status, headers and the start of the answer. Raises Retry for everything the network does."""
        # A proxy of the environment would see what stays on this machine otherwise.
        client = httpx.AsyncClient(timeout=None, follow_redirects=False, trust_env=not _is_local(self._url))
        try:
            # One limit for the whole: those of single reads begin anew with each byte.
            async with (
                asyncio.timeout(self._timeout),
                client,
                client.stream("POST", self._url, content=body, headers=headers) as response,
            ):
                answer = b""
                async for chunk in response.aiter_bytes(8192):
                    answer += chunk
                    if len(answer) > LONGEST_ANSWER:
                        break
                return response.status_code, response.headers, answer
        except (httpx.TransportError, httpx.DecodingError, TimeoutError) as error:
            host = urlsplit(self._url).hostname
            raise Retry(f"{host} did not answer: {type(error).__name__} {error}".strip()) from error


def payload(case: Case, record: Record) -> bytes:
    """The body of a delivery, as JSON."""
    return msgspec.json.encode(
        {"event": "case.opened", "case": case, "mention": record.mention, "analysis": record.analysis}
    )


def sign(secret: str, body: bytes, at: int) -> str:
    """Value of Earshot-Signature for a body sent `at` (seconds since 1970)."""
    return f"t={at},v1={_mac(secret, str(at), body)}"


def verify(secret: str, header: str, body: bytes, now: float | None = None) -> bool:
    """What a receiver does with the signature header and the bytes of the body, before anything else."""
    parts = dict(part.partition("=")[::2] for part in header.split(","))
    at, mac = parts.get("t", ""), parts.get("v1", "")
    if not (at.isascii() and at.isdigit() and len(at) < 16):
        return False
    fresh = abs((time.time() if now is None else now) - int(at)) <= TOLERANCE
    return hmac.compare_digest(_mac(secret, at, body).encode(), mac.encode()) and fresh


def fault_of(status: int, headers: httpx.Headers, answer: bytes) -> SourceError | None:
    """What is wrong with an answer; None when it says yes. Pure."""
    if status == 429 or (status == 503 and "retry-after" in headers):
        return Throttled(f"The receiver asks to wait (HTTP {status}).", retry_after(headers.get("retry-after", "")))
    if status in _PASSING:
        return Retry(f"The receiver has a fault (HTTP {status}).")
    if status in (401, 403):
        return AuthFailed(f"The receiver refuses the delivery (HTTP {status}); check the secret on both sides.")
    if 300 <= status < 400:
        return Blocked(f"The receiver redirects (HTTP {status}), which is not followed; write the final address.")
    if not 200 <= status < 300:
        return Blocked(f"The receiver does not take deliveries (HTTP {status}); check the address.")
    error = error_in(answer)
    return Retry(f"The receiver answered {status} with an error inside: {error}") if error else None


def error_in(answer: bytes) -> str | None:
    """An error inside an answer of status 200, as DingTalk, Feishu, WeCom and many gateways send it."""
    try:
        said: Any = msgspec.json.decode(answer)
    except (msgspec.DecodeError, RecursionError):
        return None  # "ok", an empty answer, a page: the status has spoken
    if not isinstance(said, dict):
        return None
    for name in _CODES:
        code = said.get(name)
        if isinstance(code, str) and _NUMBER.fullmatch(code):
            code = int(code)
        if isinstance(code, int) and not isinstance(code, bool) and code != 0 and not 200 <= code < 300:
            return _short(said, f"{name} {code}")
    if said.get("ok") is False or said.get("success") is False:
        return _short(said, "not accepted")
    return None


def _short(said: dict[str, Any], what: str) -> str:
    message = next((said[name] for name in ("errmsg", "msg", "message", "error") if said.get(name)), "")
    return f"{what} {message!s:.200}".strip() if message else what


def _mac(secret: str, at: str, body: bytes) -> str:
    return hmac.new(secret.encode(), at.encode() + b"." + body, sha256).hexdigest()


def _checked_url(channel: ChannelSettings) -> str:
    url = channel.url or ""
    try:
        parts = urlsplit(url)
        host = parts.hostname
        httpx.URL(url)
    except (ValueError, httpx.InvalidURL):
        raise SettingsError(
            f"[[channels]] {channel.name!r}: url is no address. Write one such as https://hooks.example.com/earshot."
        ) from None  # the address, or what is wrong with it, may hold a secret
    if not host or parts.scheme not in ("http", "https"):
        raise SettingsError(f'[[channels]] {channel.name!r}: a webhook needs url = "https://...".')
    if parts.scheme == "http" and not _is_local(url):
        raise SettingsError(
            f"[[channels]] {channel.name!r}: what people say travels over https only; http is for this machine."
        )
    return url


def _is_local(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
