"""A Redis that is killed, and answers of it that get lost."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from inboxes import of
from redis_inbox import SOURCE, Start, item

from index.errors import InboxError
from index.inbox.protocol import Inbox


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
