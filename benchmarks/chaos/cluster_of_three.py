"""Three real Elasticsearch nodes on loopback, of which one may be killed at a time."""

from __future__ import annotations

import random
import time
import urllib.error
import urllib.request

import servers

NODES = 3
JOINED_WITHIN = 600.0  # seconds


class Three:
    """A cluster. `url` names all its nodes, as `store` wants them."""

    def __init__(self) -> None:
        ports = [servers.free_port() for _ in range(NODES)]
        transports = [servers.free_port() for _ in range(NODES)]
        self._settings = [
            {
                "discovery.type": "",
                "cluster.name": "earshot-chaos",
                "node.name": f"n{number}",
                "transport.port": str(transports[number]),
                "cluster.initial_master_nodes": ",".join(f"n{each}" for each in range(NODES)),
                "discovery.seed_hosts": ",".join(f"127.0.0.1:{port}" for port in transports),
            }
            for number in range(NODES)
        ]
        self._nodes = [
            servers.start_elasticsearch(settings, port=port, heap="384m", wait=False)
            for settings, port in zip(self._settings, ports, strict=True)
        ]
        self.url = ",".join(["http://" + f"127.0.0.1:{ports[0]}", *(f"127.0.0.1:{port}" for port in ports[1:])])
        self.wait_until_whole()

    def kill_one(self, dice: random.Random) -> int:
        """SIGKILL a random node, start it again on its data, and wait until every copy is there again: two nodes
        gone at once would be another promise. Returns which."""
        number = dice.randrange(NODES)
        node = self._nodes[number]
        node.kill()
        port = int(node.url.rpartition(":")[2])
        self._nodes[number] = servers.start_elasticsearch(
            self._settings[number], folder=node.folder, port=port, heap="384m", wait=False
        )
        self.wait_until_whole()
        return number

    def wait_until_whole(self) -> None:
        deadline = time.monotonic() + JOINED_WITHIN
        while not any(_whole(node.url) for node in self._nodes):
            if time.monotonic() > deadline:
                raise SystemExit(f"three nodes did not become one green cluster in {JOINED_WITHIN:.0f} s")
            time.sleep(0.5)

    def stop(self) -> None:
        for node in self._nodes:
            node.stop()


def _whole(url: str) -> bool:
    health = f"{url}/_cluster/health?wait_for_nodes={NODES}&wait_for_status=green&timeout=2s"
    try:
        with urllib.request.urlopen(health, timeout=10) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
