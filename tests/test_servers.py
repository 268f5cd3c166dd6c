"""The servers that tests stand on: real, unprivileged, and never left behind."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
import redis
import servers
from cluster import having
from elasticsearch import Elasticsearch

START = "import servers; s = servers.start_redis(); print(s.pid, s.keeper, s.folder, flush=True); input()"


def test_each_server_answers(elasticsearch_url: str, redis_url: str, postgres_url: str) -> None:
    with Elasticsearch(elasticsearch_url) as client:
        assert client.cluster.health()["status"] in ("green", "yellow")
    with redis.Redis.from_url(redis_url) as server:
        assert server.ping()
    with psycopg.connect(postgres_url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_server_ends_with_whoever_started_it_even_when_that_is_killed() -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(servers.__file__).parent)}
    with having():
        servers.start_redis().stop()  # else it is not installed
    owner = subprocess.Popen(
        [sys.executable, "-c", START], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with owner:
        assert owner.stdout
        server, keeper, folder = owner.stdout.readline().split()
        watched = [os.pidfd_open(int(server)), os.pidfd_open(int(keeper))]
        assert Path(f"/proc/{server}").stat().st_uid != 0
        owner.send_signal(signal.SIGKILL)
    for fd in watched:
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        assert poll.poll(30_000), "the server was left behind"
        os.close(fd)
    assert not Path(folder).exists()


def test_a_port_is_none_that_a_connection_of_somebody_else_may_have() -> None:
    with socket.create_server(("127.0.0.1", 0)) as somebody:
        assert max(servers.free_port() for _ in range(50)) < somebody.getsockname()[1]


def test_a_killed_server_starts_again_on_its_data() -> None:
    with having():
        first = servers.start_redis()
    with redis.Redis.from_url(first.url) as client:
        client.set("said", "好喝")
    first.kill()
    second = servers.start_redis(folder=first.folder, port=int(first.url.rpartition(":")[2].partition("/")[0]))
    with redis.Redis.from_url(second.url) as client:
        assert client.get("said") == "好喝".encode()
    second.stop()


def test_the_elasticsearch_that_a_person_names_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ES_HOME", str(tmp_path))
    with pytest.raises(servers.Missing, match="has no bin/elasticsearch"):
        servers.elasticsearch_home()
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/elasticsearch").touch()
    assert servers.elasticsearch_home() == tmp_path


def test_a_missing_server_is_a_skip_with_its_reason_and_a_failure_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("CI", "")
    with pytest.raises(pytest.skip.Exception, match="apt-get install redis-server"), having():
        servers.start_redis()
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="apt-get install redis-server"), having():
        servers.start_redis()
