"""Fetches the pictures of mentions, by the rules of crawlers/http.py: robots.txt, one request a second and host,
no private addresses, limits of size and time."""

from __future__ import annotations

import asyncio
from pathlib import Path

from crawlers.http import Client, Limits, Pace, user_agent
from crawlers.pipelines.clean import LOCAL_PICTURE
from index.errors import Retry, SourceError
from index.settings import Settings

FOLDER = "pictures"  # of the home: "file:NAME" in an import names a file in it
MAX_BYTES = 10 * 1024 * 1024


class Pictures:
    """Used by one thread. Close it."""

    def __init__(self, settings: Settings, *, origins: tuple[str, ...] = ()) -> None:
        self._folder = settings.home / FOLDER
        self._runner = asyncio.Runner()
        limits = Limits(read=15.0, total=30.0, body=MAX_BYTES, retries=1)
        self._client = Client(limits=limits, pace=Pace(), origins=origins, agent=user_agent(settings.contact))

    def fetch(self, url: str) -> bytes:
        """The picture. Raises Retry and Throttled for what may go well later, other SourceErrors for the rest."""
        if url.startswith("file:"):
            return self._local(url)
        return self._runner.run(self._client.page(url)).body

    def _local(self, url: str) -> bytes:
        if not LOCAL_PICTURE.fullmatch(url):
            raise SourceError(f"{url[:100]!r} is not the name of a file in {self._folder}.")
        file: Path = self._folder / url.removeprefix("file:")
        try:
            if file.is_symlink() or file.stat().st_size > MAX_BYTES:
                raise SourceError(f"{file.name} is a link or larger than {MAX_BYTES} bytes.")
            return file.read_bytes()
        except FileNotFoundError as error:
            raise SourceError(f"{file.name} is not in {self._folder}: put it there and import again.") from error
        except OSError as error:
            raise Retry(f"{file.name} cannot be read: {error}") from error

    def close(self) -> None:
        self._runner.run(self._client.close())
        self._runner.close()
