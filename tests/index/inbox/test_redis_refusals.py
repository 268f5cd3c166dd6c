"""A Redis that cannot be used, or not as it is set up, is explained."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
import redis
import servers
from redis_inbox import SOURCE, Start, item

from index.errors import InboxError, SettingsError
from index.inbox import open_inbox
from index.inbox.protocol import Inbox
from index.settings import Redis, Settings


def test_a_redis_that_would_drop_mentions_is_refused(start: Start, inbox_at: Callable[..., Inbox]) -> None:
    server = start("--maxmemory", "50mb", "--maxmemory-policy", "allkeys-lru")
    inbox = inbox_at(server.url)
    with pytest.raises(InboxError, match="Set maxmemory-policy noeviction"):
        inbox.put([item(1)])
    assert any("noeviction" in problem for problem in inbox.health()["problems"])


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (("--appendonly", "no"), "Set appendonly yes"),
        (("--appendfsync", "everysec"), "Set appendfsync always"),
        (("--appendfsync", "always"), None),
    ],
)
def test_health_says_when_redis_would_forget(
    start: Start, inbox_at: Callable[..., Inbox], options: tuple[str, ...], problem: str | None
) -> None:
    problems = inbox_at(start(*options).url).health()["problems"]
    assert [problem in each for each in problems] == ([True] if problem else [])


def test_an_unreachable_redis_is_explained_at_once(inbox_at: Callable[..., Inbox]) -> None:
    inbox = inbox_at(f"redis://127.0.0.1:{servers.free_port()}/0")
    for use in (lambda: inbox.put([item(1)]), inbox.counts, inbox.health, lambda: inbox.lease(1, worker="w")):
        with pytest.raises(InboxError, match=r"cannot be reached.*Start it, or correct `inbox`"):
            use()


def test_a_wrong_password_is_explained_and_the_right_one_is_read(
    start: Start, inbox_at: Callable[..., Inbox], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = start("--requirepass", "right").url
    for said in (None, "wrong"):
        if said:
            monkeypatch.setenv("EARSHOT_REDIS_PASSWORD", said)
        with pytest.raises(InboxError, match="Put the right password into EARSHOT_REDIS_PASSWORD") as raised:
            inbox_at(url).put([item(1)])
        assert "wrong" not in str(raised.value).replace("WRONGPASS", "")
    monkeypatch.delenv("EARSHOT_REDIS_PASSWORD")
    (tmp_path / "password").write_text("right\n")
    monkeypatch.setenv("EARSHOT_REDIS_PASSWORD_FILE", str(tmp_path / "password"))
    assert inbox_at(url).put([item(1)]) == 1


def test_a_password_in_the_address_is_refused_without_being_shown(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="EARSHOT_REDIS_PASSWORD") as raised:
        open_inbox(Settings(home=tmp_path, inbox="redis://earshot:hush@redis.example.com:6379/0"))
    assert "hush" not in str(raised.value)


@pytest.mark.parametrize("address", ["redis://h:port/0", "redis://h:1/0?prefix=a&db=2", "redis://h:1/0?x=1"])
def test_a_mistaken_address_is_explained(tmp_path: Path, address: str) -> None:
    with pytest.raises(SettingsError, match="inbox"):
        open_inbox(Settings(home=tmp_path, inbox=address))


def test_a_replica_is_explained(start: Start, inbox_at: Callable[..., Inbox]) -> None:
    inbox = inbox_at(start("--replicaof", "127.0.0.1", str(servers.free_port())).url)
    with pytest.raises(InboxError, match="Let `inbox` name the primary"):
        inbox.quarantine_raw(SOURCE, b"?", "bad")


def test_a_user_without_rights_is_explained_and_the_documented_ones_suffice(
    start: Start, inbox_at: Callable[..., Inbox], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = start()
    page = (Path(__file__).parents[3] / "docs/redis.md").read_text()
    recipe = (
        page[page.index("    user earshot on") : page.index("\n\n(in one line")].replace("PASSWORD", "pass").split()
    )
    monkeypatch.setenv("EARSHOT_REDIS_PASSWORD", "pass")
    inbox = inbox_at(server.url.replace("redis://", "redis://earshot@"))
    with redis.Redis.from_url(server.url) as client:
        client.execute_command("ACL", "SETUSER", "earshot", "on", ">pass", "~other:*", "+@all")
        with pytest.raises(InboxError, match="does not allow this user enough"):
            inbox.put([item(1)])
        client.execute_command("ACL", "SETUSER", "earshot", "reset")
        client.execute_command("ACL", "SETUSER", *recipe[1:])
    inbox.put([item(1), item(2), item(3)])
    one, two, three = inbox.lease(3, worker="w")
    inbox.retry([one], "busy", delay=0)
    inbox.quarantine(two, "bad")
    inbox.ack([three])
    inbox.put_back(inbox.lease(1, worker="w"))
    assert inbox.erase_author("weibo:u1") == 2
    assert inbox.health()["problems"]


def test_tls_needs_the_ca_and_then_works(start: Start, inbox_at: Callable[..., Inbox]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        keys = Path(folder)
        command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        more = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", "key", "-out", "ca"]
        subprocess.run([*command, *more], cwd=keys, check=True, capture_output=True)
        keys.chmod(0o755)  # the server runs as another user
        (keys / "key").chmod(0o644)
        port = servers.free_port()
        files = [
            "--tls-cert-file",
            f"{keys}/ca",
            "--tls-key-file",
            f"{keys}/key",
            "--tls-ca-cert-file",
            f"{keys}/ca",
        ]
        start("--tls-port", str(port), "--tls-auth-clients", "no", *files)
        secure = f"rediss://localhost:{port}/0"
        with pytest.raises(InboxError, match=r"certificate that is not trusted.*ca_file"):
            inbox_at(secure).put([item(1)])
        assert inbox_at(secure, redis=Redis(ca_file=f"{keys}/ca")).put([item(1)]) == 1
