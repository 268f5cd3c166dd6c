"""Which addresses may be fetched: links found in content must not reach into the own network."""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
from urllib.parse import urlsplit

from index.errors import Retry, SourceError

_PORTS = {"http": 80, "https": 443}
_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052: an IPv4 address in the last 32 bits

_PLAIN = re.compile(
    r"https?://[a-z0-9\-]+(?:\.[a-z0-9\-]+)+(?::\d{1,5})?(?:[/?#][!-~]{0,1900})?", re.IGNORECASE | re.ASCII
)

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def origin_of(url: str) -> str:
    """Scheme, host and port, such as "https://example.com:443". Raises SourceError for anything but http(s)."""
    try:
        parts = urlsplit(url)
        port = (parts.port or _PORTS[parts.scheme]) if parts.scheme in _PORTS else None
    except ValueError as error:
        raise SourceError(f"{url[:200]!r} is not an address: {error}") from error
    if port is None or not parts.hostname:
        raise SourceError(f"{url[:200]!r} is not a web address; only http:// and https:// are read.")
    return f"{parts.scheme}://{_bracketed(parts.hostname)}:{port}"


def is_plain(url: str) -> bool:
    """Whether this is a complete web address without anything odd in it: nearly all are, and taking an address
    apart costs forty times as much as this look."""
    return _PLAIN.fullmatch(url) is not None


def host_of(url: str) -> str | None:
    """The host of an address without its port; None when there is none."""
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def is_public(address: Address) -> bool:
    """Whether an address is out on the internet, seen through IPv6 wrappings of IPv4."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
    return address.is_global and not address.is_multicast and not address.is_reserved


async def resolve_public(url: str) -> str:
    """One address of the URL's host, after seeing that all of them are public. Raises SourceError when one is
    not, Retry when the name cannot be resolved."""
    parts = urlsplit(origin_of(url))
    host = parts.hostname or ""
    try:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, parts.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Retry(f"The name {host!r} cannot be resolved: {error}") from error
    addresses = [ipaddress.ip_address(entry[4][0]) for entry in found]
    if not addresses or not all(is_public(address) for address in addresses):
        raise SourceError(f"{host!r} leads into a private network and comes from content: not fetched.")
    return str(addresses[0])
