"""Whether the Redis of the inbox keeps what it is told, and what it holds: for doctor, for the first put, and for
erasure."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any, cast

from redis import Redis, exceptions

from index import log
from index.errors import InboxError
from index.inbox.redis_server import Server
from index.inbox.rows import utc

REWRITE_WITHIN = 10.0  # seconds to wait for a rewrite that is under way before ours is asked for
_log = log.get("inbox")


def refuse_eviction(server: Server) -> None:
    """Raises InboxError when this Redis would drop mentions in silence instead of refusing new ones."""
    policy = server.use(_policy)
    if policy.startswith("allkeys"):
        raise InboxError(
            f"Redis at {server.address} has maxmemory-policy {policy}: full, it would drop mentions in silence. "
            "Set maxmemory-policy noeviction."
        )


def _policy(client: Redis) -> str:
    return str(client.info("memory").get("maxmemory_policy", "noeviction"))


def health_of(server: Server, limit: int) -> dict[str, Any]:
    """What it holds and how well it keeps it. "problems": sentences, each with what to do."""
    memory = server.use(lambda client: client.info("memory"))
    kept = server.use(lambda client: client.info("persistence"))
    sizes = server.use(lambda client: client.hgetall(f"{server.prefix}sizes"))
    queue, quarantine = (int(cast(dict[bytes, bytes], sizes).get(name, 0)) for name in (b"queue", b"kept"))
    return {
        "address": server.address,
        "bytes": queue + quarantine,
        "limit": limit,
        "quarantine_bytes": quarantine,
        "memory": memory["used_memory"],
        "oldest_waiting": server.use(lambda client: _oldest(client, server.prefix)),
        "problems": _problems(server, str(memory.get("maxmemory_policy")), kept),
    }


def _oldest(client: Redis, prefix: str) -> datetime | None:
    first = cast(list[tuple[bytes, Any]], client.xrange(f"{prefix}queue", count=1))
    if not first:
        return None
    received = client.hget(f"{prefix}item:{first[0][0].decode().partition('-')[0]}", "received")
    return utc(int(cast(bytes, received)) / 1000) if received else None  # None: taken out between the two questions


def _problems(server: Server, policy: str, kept: dict[str, Any]) -> list[str]:
    found = []
    if policy != "noeviction":
        found.append(f"maxmemory-policy is {policy}: mentions could be dropped. Set noeviction.")
    if not kept.get("aof_enabled"):
        found.append("appendonly is off: a restart loses what waits. Set appendonly yes.")
    elif kept.get("aof_last_write_status", "ok") != "ok":
        found.append("the append-only file cannot be written. Make room on the disk of Redis.")
    elif (how := server.use(_fsync)) not in ("always", None):
        found.append(f"appendfsync is {how}: a power cut may lose what was just queued. Set appendfsync always.")
    return found


def _fsync(client: Redis) -> str | None:
    """None where we may not ask."""
    try:
        return cast(dict[str, str], client.config_get("appendfsync")).get("appendfsync")
    except exceptions.ResponseError:  # no permission, or a hosted Redis without CONFIG
        return None


def forget_deleted(server: Server) -> None:
    """Have the append-only file written anew: it still holds what was deleted from memory."""
    if not server.use(lambda client: client.info("persistence")).get("aof_enabled"):
        return
    try:
        _wait_for_rewrite(server)
        server.use(lambda client: client.bgrewriteaof())
    except InboxError as error:  # the erasure itself is done
        _log.warning("erased, but not yet from the append-only file; run BGREWRITEAOF", reason=str(error))


def _wait_for_rewrite(server: Server) -> None:
    deadline = time.monotonic() + REWRITE_WITHIN
    while time.monotonic() < deadline:
        if not server.use(lambda client: client.info("persistence")).get("aof_rewrite_in_progress"):
            return
        time.sleep(0.1)
