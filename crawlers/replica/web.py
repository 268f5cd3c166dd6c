"""The little that the platforms of the replica share: a request, an answer, routes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from crawlers.replica.posts import Post, Shelf


@dataclass(frozen=True, slots=True)
class Request:
    """A GET as a platform sees it. `base` is the replica's own address without a slash at the end."""

    path: str
    query: dict[str, str]
    headers: dict[str, str]
    base: str
    shelf: Shelf
    twice: bool = False

    def number(self, name: str, default: int) -> int:
        """A whole number of the query; the default when it is missing or not a number."""
        value = self.query.get(name, "")
        return int(value) if value.lstrip("-").isdigit() else default

    def doubled(self, posts: list[Post]) -> list[Post]:
        """The posts, each twice when that fault is on."""
        return [post for post in posts for _ in range(2)] if self.twice else posts


@dataclass(frozen=True, slots=True)
class Answer:
    body: bytes
    content_type: str = "text/html; charset=utf-8"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


Handler = Callable[[Request, "re.Match[str]"], Answer]
Routes = list[tuple[str, Handler]]


def as_json(payload: Any, status: int = 200) -> Answer:
    return Answer(json.dumps(payload, ensure_ascii=False).encode(), "application/json; charset=utf-8", status)


def not_found() -> Answer:
    return Answer(b"<!doctype html><title>404</title><p>Not found", status=404)
