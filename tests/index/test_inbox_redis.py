"""What only the Redis inbox has: bounds, faults of the server, answers that get lost. What every inbox promises is
in tests/contracts/test_inboxes.py."""

from __future__ import annotations

import socket
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
import redis
import servers
from cluster import having
from inboxes import of
from waiting import until

from index.documents import Author, Mention
from index.errors import InboxError, InboxFull, SettingsError
from index.inbox import open_inbox
from index.inbox.protocol import Inbox, Item
from index.settings import Redis, Settings

SOURCE = "weibo-api"
Start = Callable[..., servers.Server]


def item(number: int, *, text: str = "奶茶太甜了", author: str = "u1") -> Item:
    mention = Mention(
        id=f"weibo:{number}",
        platform="weibo",
        source=SOURCE,
        text=text,
        published_at=datetime(2026, 11, 1, tzinfo=UTC),
        version=1,
        author=Author(id=f"weibo:{author}"),
    )
    return Item(mention=mention, raw=b'{"mid": "%d"}' % number, batch="b1")


@pytest.fixture
def start() -> Iterator[Start]:
    """Servers of one test."""
    started: list[servers.Server] = []

    def run(*options: str, **more: Any) -> servers.Server:
        with having():
            started.append(servers.start_redis(*options, **more))
        return started[-1]

    yield run
    for server in started:
        server.stop()


@pytest.fixture
def inbox_at(tmp_path: Path) -> Iterator[Callable[..., Inbox]]:
    opened: list[Inbox] = []

    def connect(address: str, **settings: Any) -> Inbox:
        opened.append(open_inbox(Settings(home=tmp_path, inbox=address, **settings)))
        return opened[-1]

    yield connect
    for inbox in opened:
        inbox.close()


@pytest.fixture
def address(redis_url: str) -> str:
    return f"{redis_url}?prefix={uuid4().hex}"


@pytest.fixture
def inbox(inbox_at: Callable[..., Inbox], address: str) -> Inbox:
    return inbox_at(address)


def keys_of(address: str) -> set[str]:
    """What is kept, without prefix and without the short-lived answers to repeated calls."""
    url, _, prefix = address.partition("?prefix=")
    with redis.Redis.from_url(url) as client:
        names = {name.decode().removeprefix(f"{prefix}:inbox:") for name in client.scan_iter(f"{prefix}:*")}
    return {name for name in names if not name.startswith("once:")}


def test_what_is_acknowledged_leaves_the_memory_whole(inbox: Inbox, address: str) -> None:
    inbox.put([item(n, author=f"u{n}") for n in range(50)])
    (oldest,) = inbox.lease(1, worker="slow")
    inbox.ack(inbox.lease(100, worker="quick"))
    assert keys_of(address) == {
        "queue",
        "sizes",
        "ends",
        "ends:b1",
        "item:1",
        "versions:weibo:0",
        "author:weibo:u0",
    }
    assert inbox.depth() == 1
    inbox.ack([oldest])
    assert keys_of(address) == {"queue", "sizes", "ends", "ends:b1"}
    assert inbox.health()["bytes"] == 0


def test_a_full_inbox_takes_nothing_and_says_what_to_do_until_there_is_room(
    inbox_at: Callable[..., Inbox], address: str
) -> None:
    inbox = inbox_at(address)
    inbox._limit = 3_000  # type: ignore[attr-defined]
    inbox.put([item(n) for n in range(20)])
    with pytest.raises(InboxFull, match="earshot work"):
        inbox.put([item(n) for n in range(20, 40)])
    with pytest.raises(InboxFull):
        inbox.quarantine_raw(SOURCE, b"?", "no date")
    assert of(inbox) == {"waiting": 20}
    inbox.ack(inbox.lease(20, worker="w"))
    assert inbox.put([item(n) for n in range(20, 40)]) == 20
    assert of(inbox) == {"saved": 20, "waiting": 20}


def test_sizes_follow_what_is_kept_in_queue_and_quarantine(inbox: Inbox) -> None:
    inbox.put([item(1), item(2)])
    queued = inbox.health()["bytes"]
    inbox.put([Item(mention=Mention(**{**_fields(item(1)), "version": 2, "text": "edited"}))])
    assert 0 < inbox.health()["bytes"] < queued
    first, second = inbox.lease(2, worker="w")
    inbox.quarantine(first, "bad")
    inbox.ack([second])
    inbox.quarantine_raw(SOURCE, b"12345", "no id")
    health = inbox.health()
    assert health["bytes"] == health["quarantine_bytes"] > 5
    inbox.take_quarantined([entry.id for entry in inbox.quarantined()])
    assert inbox.health()["bytes"] == 0


def _fields(one: Item) -> dict[str, Any]:
    return {name: getattr(one.mention, name) for name in one.mention.__struct_fields__}


def test_a_redis_out_of_memory_refuses_gatherers_and_serves_workers(
    start: Start, inbox_at: Callable[..., Inbox]
) -> None:
    server = start("--maxmemory", "4mb", "--maxmemory-policy", "noeviction")
    inbox = inbox_at(server.url)
    long = "太甜" * 2_000

    put = 0

    def fill() -> None:
        nonlocal put
        while True:
            put += inbox.put([item(n, text=long) for n in range(put, put + 10)])

    with pytest.raises(InboxFull, match="out of memory"):
        fill()
    assert of(inbox) == {"waiting": put}
    while leased := inbox.lease(50, worker="w"):
        inbox.ack(leased)
    assert of(inbox) == {"saved": put}
    assert inbox.put([item(1)]) == 1


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
    page = (Path(__file__).parents[2] / "docs/redis.md").read_text()
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


def test_a_redis_that_is_killed_and_comes_back_is_waited_for(start: Start, inbox_at: Callable[..., Inbox]) -> None:
    server = start("--appendfsync", "always")
    inbox = inbox_at(server.url)
    inbox.put([item(n) for n in range(100)])
    leased = inbox.lease(10, worker="w")
    server.kill()
    done: list[int] = []
    thread = threading.Thread(target=lambda: (inbox.ack(leased), done.append(inbox.put([item(200)]))))
    thread.start()
    with pytest.raises(InboxError, match="cannot be reached"):
        inbox.counts()
    port = urlsplit(server.url).port or 0
    start("--appendfsync", "always", folder=server.folder, port=port)
    thread.join(timeout=300)
    assert done == [1]
    assert of(inbox) == {"saved": 10, "waiting": 91}


class Proxy:
    """Between inbox and Redis: passes everything on, and loses the next answer after `lose()`."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._lose = threading.Event()
        threading.Thread(target=self._serve, daemon=True).start()

    def lose(self) -> None:
        self._lose.set()

    @property
    def lost(self) -> bool:
        return not self._lose.is_set()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._port))
            threading.Thread(target=self._pass, args=(client, server), daemon=True).start()

    def _pass(self, client: socket.socket, server: socket.socket) -> None:
        threading.Thread(target=_copy, args=(client, server), daemon=True).start()
        with client, server:
            while answer := server.recv(1 << 16):
                if self._lose.is_set():
                    self._lose.clear()
                    client.shutdown(socket.SHUT_RDWR)
                    return
                client.sendall(answer)

    def close(self) -> None:
        self._listening.close()


def _copy(reader: socket.socket, writer: socket.socket) -> None:
    try:
        while data := reader.recv(1 << 16):
            writer.sendall(data)
        writer.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass


def test_a_step_whose_answer_got_lost_is_done_once(
    redis_url: str, address: str, inbox_at: Callable[..., Inbox]
) -> None:
    proxy = Proxy(urlsplit(redis_url).port or 6379)
    inbox = inbox_at(address.replace(str(urlsplit(redis_url).port), str(proxy.port), 1))
    assert inbox.counts() == {}

    def losing(step: Callable[[], Any]) -> Any:
        proxy.lose()
        answer = step()
        assert proxy.lost
        return answer

    inbox.put([item(0)])  # what is asked once a process is asked now
    assert losing(lambda: inbox.put([item(1), item(2)])) == 2
    losing(lambda: inbox.count(SOURCE, "unmatched", 3))
    losing(lambda: inbox.quarantine_raw(SOURCE, b"?", "bad", batch="b1"))
    leased = inbox.lease(10, worker="w")
    losing(lambda: inbox.ack(leased[:1]))
    losing(lambda: inbox.retry(leased[1:2], "busy", delay=60))
    losing(lambda: inbox.put_back(leased[2:]))
    assert of(inbox) == {"saved": 1, "waiting": 2, "unmatched": 3, "quarantined": 1, "retried": 1, "put_back": 1}
    proxy.close()


def test_a_lease_whose_answer_got_lost_comes_again(
    redis_url: str, address: str, inbox_at: Callable[..., Inbox]
) -> None:
    proxy = Proxy(urlsplit(redis_url).port or 6379)
    inbox = inbox_at(address.replace(str(urlsplit(redis_url).port), str(proxy.port), 1))
    inbox.put([item(1)])
    proxy.lose()
    with pytest.raises(InboxError):
        inbox.lease(1, worker="w", seconds=0.0)
    (again,) = inbox.lease(1, worker="w")
    assert again.tries == 2
    proxy.close()


def test_erased_text_leaves_the_append_only_file(start: Start, inbox_at: Callable[..., Inbox]) -> None:
    server = start()
    inbox = inbox_at(server.url)
    inbox.put([item(1, text="秘密的句子 secret sentence", author="u7"), item(2, text="another")])

    def written() -> bytes:
        return b"".join(file.read_bytes() for file in server.folder.rglob("*") if file.is_file())

    until(lambda: b"secret sentence" in written())
    assert inbox.erase_author("weibo:u7") == 1
    until(lambda: b"secret sentence" not in written())
    until(lambda: b"another" in written())


def test_workers_that_are_gone_are_forgotten_and_what_they_had_is_not(inbox: Inbox, address: str) -> None:
    url, _, prefix = address.partition("?prefix=")
    inbox.put([item(1), item(2)])
    inbox.ack(inbox.lease(1, worker="gone"))
    inbox.lease(1, worker="dead", seconds=3600)
    with redis.Redis.from_url(url) as client:
        queue = f"{prefix}:inbox:queue"
        names = {row["name"] for row in client.xinfo_consumers(queue, "workers")}
        assert names == {b"gone", b"dead"}
    assert inbox.health()["workers"] == ["dead"]
