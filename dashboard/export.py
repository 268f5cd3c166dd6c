"""A list of mentions as a file, row by row from the store: exactly what the page shows, in constant memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from dashboard import address, filters, words
from dashboard.export_files import FORMS
from index import settings as settings_file
from index.clocks import zone_of
from index.documents import Record
from index.errors import EarshotError, QueryError
from index.query import MentionQuery
from index.query_language import parse
from index.settings import Settings
from index.stores import open_store
from index.stores.protocol import Store

OFFERED = ("csv", "xlsx", "parquet")  # on the desk; JSON Lines are for programs, which call `earshot export`
PAGE = 1000


async def download(request: Request) -> Response:
    """`/export/csv?...` with the same parameters as the Mentions page, and `zone` of the reader."""
    form = request.path_params["form"]
    if form not in OFFERED:
        return PlainTextResponse(f"Write /export/ and one of {', '.join(OFFERED)}.", status_code=404)
    given = {name: request.query_params.getlist(name) for name in request.query_params}
    chosen = address.parse(given)
    try:
        settings = settings_file.load()
        zone = _zone(given.get("zone"), settings)
        query = filters.mention_query(chosen, zone)
        parse(query.text)
    except QueryError as error:
        return PlainTextResponse(f"{error}\n\n{error.pointer()}", status_code=400)
    except EarshotError as error:
        return PlainTextResponse(str(error), status_code=500)
    language: words.Language = "en" if chosen["lang"] == "en" else "zh"
    name = f"earshot-{datetime.now(UTC).astimezone(zone):%Y%m%d-%H%M}.{form}"
    return StreamingResponse(
        _from_one_thread(lambda: _file(settings, query, form, language, zone)),
        media_type=FORMS[form].media_type,
        headers={"Content-Disposition": f'attachment; filename="{name}"', "X-Content-Type-Options": "nosniff"},
    )


def write_file(records: Iterable[Record], path: Path, zone: str, language: words.Language = "zh") -> int:
    """Write FILE.csv, .xlsx, .parquet or .jsonl; returns how many records. Raises KeyError for another ending."""
    count = 0

    def counted() -> Iterator[Record]:
        nonlocal count
        for record in records:
            count += 1
            yield record

    form = FORMS[path.suffix.lower().removeprefix(".")]
    with path.open("wb") as file:
        for chunk in form.chunks(counted(), language, ZoneInfo(zone)):
            file.write(chunk)
    return count


def listed(store: Store, query: MentionQuery) -> Iterator[Record]:
    """Every mention in the order of the list. By time it is one scan; another order is walked page by page."""
    if query.sort == "newest":
        yield from store.scan(query)
        return
    cursor: str | None = None
    while True:
        page = store.search(query, limit=PAGE, cursor=cursor, highlight=False)
        yield from (hit.record for hit in page.hits)
        cursor = page.cursor
        if cursor is None:
            return


def _zone(given: list[str] | None, settings: Settings) -> ZoneInfo:
    try:
        return zone_of(given[0] if given else settings.timezone)
    except ValueError:
        return ZoneInfo(settings.timezone)


def _file(
    settings: Settings, query: MentionQuery, form: str, language: words.Language, zone: ZoneInfo
) -> Generator[bytes, None, None]:
    """Own handles: a long export must not hold up the pages."""
    store = open_store(settings)
    try:
        yield from FORMS[form].chunks(listed(store, query), language, zone)
    finally:
        store.close()


async def _from_one_thread(start: Callable[[], Generator[bytes, None, None]]) -> AsyncIterator[bytes]:
    """Run a generator step by step in one thread of its own: a database cursor cannot change threads."""
    loop = asyncio.get_running_loop()
    thread = ThreadPoolExecutor(1, thread_name_prefix="export")
    try:
        chunks = await loop.run_in_executor(thread, start)
        try:
            while (chunk := await loop.run_in_executor(thread, next, chunks, None)) is not None:
                yield chunk
        finally:
            thread.submit(chunks.close)
    finally:
        thread.shutdown(wait=False)  # who broke off a download must not hold up every page while a step of it ends
