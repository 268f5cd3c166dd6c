"""The connector over a spider: each fetch is one run of it in a process of its own."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import ClassVar

import msgspec

from crawlers.connector import FetchPage, Raw
from crawlers.http import Client
from crawlers.spiders.base import Job, Outcome, Trouble
from index import log
from index.documents import Mention
from index.errors import AuthFailed, Blocked, Retry, SourceError, Throttled
from index.settings import Source
from index.waits import DEFAULT_WAIT

LONGEST_RUN = 1_200.0  # seconds; Scrapy itself ends a run before (CLOSESPIDER_TIMEOUT)
DELAY = 3.0  # seconds between requests unless the source says otherwise
_log = log.get("spider")


class SpiderConnector:
    """Base of the connectors in crawlers/spiders; a subclass adds its options and a pure `map`.

    When a run stops early, what it had read is taken first and the trouble is raised by the next `fetch`, so
    that a site which throttles us halfway still makes progress.
    """

    platform: ClassVar[str]

    def __init__(
        self,
        source: Source,
        http: Client,
        secret: str | None,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        del secret
        self._source, self._agent, self._clock = source, http.agent, clock
        self._trouble: Trouble | None = None

    async def fetch(self, cursor: Raw) -> FetchPage:
        if self._trouble:
            trouble, self._trouble = self._trouble, None
            raise _error(trouble)
        outcome = await self._run(cursor)
        if outcome.trouble and not outcome.items:
            raise _error(outcome.trouble)
        self._trouble = outcome.trouble
        more = outcome.more or outcome.trouble is not None
        return FetchPage(items=outcome.items, cursor=outcome.cursor, more=more)

    def map(self, raw: Raw) -> Sequence[Mention]:
        """See Connector."""
        raise NotImplementedError

    async def _run(self, cursor: Raw) -> Outcome:
        job = Job(
            platform=self.platform,
            options=self._source.options,
            cursor=cursor,
            agent=self._agent,
            delay=float(self._source.options.get("delay", DELAY)),
            now=self._clock().isoformat(timespec="seconds"),
        )
        output, errors, code = await _child(msgspec.json.encode(job))
        if errors:
            _log.info("spider said", source=self._source.name, text=errors[-2000:].decode("utf-8", "replace"))
        try:
            return msgspec.json.decode(output, type=Outcome)
        except msgspec.DecodeError as error:
            tail = errors[-300:].decode("utf-8", "replace").strip()
            raise Retry(f"The spider of {self.platform} ended with code {code}: {tail or 'no output'}") from error


async def _child(job: bytes) -> tuple[bytes, bytes, int | None]:
    """stdout, stderr and exit code of a run. Ends the run when we are cancelled or it takes too long."""
    pipe = asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "crawlers.spiders.run", stdin=pipe, stdout=pipe, stderr=pipe
    )
    try:
        async with asyncio.timeout(LONGEST_RUN):
            output, errors = await child.communicate(job)
    except TimeoutError as error:
        raise Retry(f"The spider did not end within {LONGEST_RUN:.0f} s.") from error
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    return output, errors, child.returncode


def _error(trouble: Trouble) -> SourceError:
    if trouble.kind == "throttled":
        return Throttled(trouble.message, trouble.seconds or DEFAULT_WAIT)
    kinds = {"retry": Retry, "auth": AuthFailed, "blocked": Blocked}
    return kinds.get(trouble.kind, SourceError)(trouble.message)
