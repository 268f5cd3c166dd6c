"""Serve posts from a JSONL file: python -m crawlers.replica POSTS.jsonl [--port 8600]."""

from __future__ import annotations

import argparse
import sys
import threading
from pathlib import Path

import msgspec

from crawlers.replica import Post, Replica

_AUTHOR = '{"id": "ann", "name": "ann"}'
_LINE = f'{{"platform": "hackernews", "id": "1", "author": {_AUTHOR}, "text": "...", "at": "2026-08-14T01:12:03Z"}}'


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m crawlers.replica", description=__doc__, epilog=f"One post a line, such as: {_LINE}"
    )
    parser.add_argument("posts", type=Path, help="JSONL file, one post a line")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8600, help="0 takes a free port (default: 8600)")
    arguments = parser.parse_args()
    decoder = msgspec.json.Decoder(Post)
    lines = arguments.posts.read_bytes().splitlines()
    replica = Replica(
        (decoder.decode(line) for line in lines if line.strip()), port=arguments.port, host=arguments.host
    )
    replica.start()
    sys.stdout.write(f"{len(lines)} posts at {replica.url}; Ctrl-C ends.\n")
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        replica.stop()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
