"""Text in pictures: read, kept apart, part of what is analysed. A picture made to do harm is a problem, no more."""

from __future__ import annotations

import io
import itertools
import os
import signal
import struct
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from crawlers.pictures import Pictures
from index.alerts.engine import AlertEngine
from index.clusters import Clusters
from index.crm.customers import Customers
from index.crm.linking import Linker
from index.documents import Analysis, Author, Mention, Picture
from index.inbox import open_inbox
from index.inbox.protocol import Item
from index.records import open_records
from index.settings import Brand, Settings
from index.stores import open_store
from nlp.analyse import Analyser
from nlp.images import MAX_BYTES, Reader, Reading, _Running
from nlp.picture_process import SEAM, SIDE, _cuts
from nlp.pictures import PictureWorker, of_mention, open_queue
from nlp.rescore import rescore
from nlp.worker import Desk, Worker

pytest.importorskip("rapidocr")
ImageFont = pytest.importorskip("PIL.ImageFont")
Image, ImageDraw = pytest.importorskip("PIL.Image"), pytest.importorskip("PIL.ImageDraw")
FONT = Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc")
NOW = datetime.now(UTC).replace(microsecond=0)
SAID = ("客服说杯子漏水不能退款", "电话13812345678没人接", "Refund refused twice")


def screenshot(*lines: str, form: str = "PNG", size: tuple[int, int] = (640, 260)) -> bytes:
    if not FONT.exists():
        pytest.skip("needs the Debian package fonts-noto-cjk")
    picture = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(picture)
    for number, line in enumerate(lines):
        draw.text((20, 20 + 70 * number), line, font=ImageFont.truetype(str(FONT), 30), fill="black")
    file = io.BytesIO()
    picture.save(file, form)
    return file.getvalue()


def png(width: int, height: int, rows: bytes) -> bytes:
    """A PNG whose head says this size, whatever is in it."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    with Reader(seconds=300) as opened:
        yield opened


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF"])
def test_the_text_of_a_screenshot_is_read(reader: Reader, form: str) -> None:
    text = reader.read(screenshot(*SAID, form=form)).text
    assert text is not None
    assert [line for line in SAID if line.replace(" ", "") in text.replace(" ", "")] == list(SAID)


def test_a_picture_without_text_says_nothing(reader: Reader) -> None:
    assert reader.read(screenshot()).text == ""


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "0 bytes"),
        (b"x" * (MAX_BYTES + 1), "bytes"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "cannot identify"),
        (b"<html>not found</html>", "cannot identify"),
        (png(100_000, 10, b"\x00" * 1000), "pixels are too many"),
        (png(20_000, 20_000, (b"\x00" * 2501) * 20_000), "pixels"),  # 400 million pixels in 50 kB
        (png(100, 100, b"\x00" * 10), "not a picture that can be read"),
        (b"\xff\xd8\xff\xe0" + b"\x00" * 100, "not a picture that can be read"),
    ],
    ids=["empty", "too heavy", "svg", "a web page", "too wide", "a decompression bomb", "cut off", "broken"],
)
def test_what_is_no_good_picture_is_a_problem_and_the_next_one_is_read(
    reader: Reader, data: bytes, reason: str
) -> None:
    reading = reader.read(data)
    assert reading.text is None
    assert reading.problem
    assert reason in reading.problem
    assert reader.read(screenshot("OK")).text == "OK"


@pytest.mark.parametrize("size", [(3000, 2), (1, 3000)])
def test_a_line_drawn_between_two_paragraphs_says_nothing(reader: Reader, size: tuple[int, int]) -> None:
    """Made large enough for letters it would need 3 GB."""
    file = io.BytesIO()
    Image.new("RGB", size, "grey").save(file, "PNG")
    assert reader.read(file.getvalue()) == Reading("")


def test_a_banner_and_a_long_screenshot_with_a_rest_of_a_row_are_read(reader: Reader) -> None:
    assert reader.read(screenshot("OK 2026", size=(1900, 70))).text == "OK 2026"
    said = reader.read(screenshot(*SAID, size=(900, 2001))).text
    assert said is not None
    assert SAID[0] in said


@pytest.mark.parametrize("paper", ["white", "black"])
@pytest.mark.parametrize("row", [1_990, 2_000, 2_010])
def test_a_long_screenshot_is_not_cut_through_a_line(reader: Reader, row: int, paper: str) -> None:
    said = reader.read(
        long_screenshot({row - 70: "第一句说包装", row: SAID[0], row + 70: "下一句说口味"}, paper)
    ).text
    assert said == f"第一句说包装\n{SAID[0]}\n下一句说口味"


def long_screenshot(lines: dict[int, str], paper: str = "white", size: tuple[int, int] = (600, 2_200)) -> bytes:
    """Each line centred at its row."""
    if not FONT.exists():
        pytest.skip("needs the Debian package fonts-noto-cjk")
    picture = Image.new("RGB", size, paper)
    draw = ImageDraw.Draw(picture)
    ink = "black" if paper == "white" else "white"
    for row, line in lines.items():
        draw.text((20, row), line, font=ImageFont.truetype(str(FONT), 36), fill=ink, anchor="lm")
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize("height", [2_001, 2_200, 4_000, 4_001, 30_000])
@pytest.mark.parametrize("noise", [False, True])
def test_the_pieces_of_a_long_screenshot_are_the_whole_of_it_and_no_larger(height: int, noise: bool) -> None:
    page = Image.effect_noise((50, height), 60).convert("RGB") if noise else Image.new("RGB", (50, height))
    cuts = list(_cuts(page))
    assert (cuts[0], cuts[-1]) == (0, height)
    assert len(cuts) - 1 <= -(-height // (SIDE - SEAM))
    assert all(0 < bottom - top <= SIDE for top, bottom in itertools.pairwise(cuts))


def test_a_reader_that_ends_without_an_answer_was_not_too_slow() -> None:
    with Reader() as opened:
        command = [sys.executable, "-c", "import os, sys; os.close(1); sys.stdin.read()"]  # ends a little later
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert process.stdin
        assert process.stdout
        opened._running = _Running(process, process.stdin, process.stdout)
        assert opened.read(b"x").problem == "reading it broke the reader"


def test_a_reader_that_dies_is_replaced(reader: Reader) -> None:
    assert reader.read(screenshot("OK")).problem is None
    assert reader._running
    os.kill(reader._running.process.pid, signal.SIGKILL)
    reader._running.process.wait()
    assert "broke the reader" in (reader.read(screenshot("OK")).problem or "")
    assert reader.read(screenshot("OK")).text == "OK"


def test_a_picture_that_takes_too_long_is_given_up() -> None:
    with Reader(seconds=0) as hasty:
        assert "too long" in (hasty.read(screenshot(*SAID)).problem or "")


class WordListModel:
    name, version, unsure_below = "word-list", "1", 0.4

    def predict(self, texts: list[str]) -> np.ndarray:
        bad = np.array([0.9 if "不能退款" in text else 0.1 for text in texts], np.float32)
        return np.stack([bad, (1 - bad) / 2, (1 - bad) / 2], axis=1)


class Site(BaseHTTPRequestHandler):
    pages: ClassVar[dict[str, bytes]] = {}
    faults: ClassVar[dict[str, int]] = {"/later.png": 500, "/busy.png": 429}

    def do_GET(self) -> None:
        body = self.pages.get(self.path)
        self.send_response(self.faults.get(self.path, 200 if body is not None else 404))
        if self.path == "/busy.png":
            self.send_header("Retry-After", "7200")
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def site() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


class World:
    def __init__(self, home: Path, reader: Reader, origins: tuple[str, ...]) -> None:
        self.settings = Settings(home=home, brands=(Brand(name="茶茶"),), pictures="sqlite:pictures.sqlite")
        self.inbox, self.store = open_inbox(self.settings), open_store(self.settings)
        self.records = open_records(self.settings)
        queue = open_queue(self.settings)
        assert queue
        self.queue = queue
        self.analyser = Analyser(self.settings, WordListModel())
        alerts = AlertEngine(self.settings, self.store, self.records)
        linker = Linker(self.settings, self.store, self.records)
        customers = Customers(self.settings, self.records)
        desk = Desk(linker, alerts, customers, Clusters(self.records), self.queue)
        self.worker = Worker(self.settings, self.inbox, self.store, self.analyser, desk)
        self.fetched = Pictures(self.settings, origins=origins)
        self.pictures = PictureWorker(
            self.queue, self.inbox, self.store, self.analyser, alerts, self.fetched.fetch, reader
        )

    def say(self, *media: str, version: int = 1, text: str = "茶茶的客服，大家看图") -> None:
        mention = Mention(
            id="weibo:1", platform="weibo", source="weibo-api", text=text, published_at=NOW,
            fetched_at=NOW, version=version, author=Author(id="weibo:u1"), brands=("茶茶",), media=media,
        )  # fmt: skip
        self.inbox.put([Item(mention=mention)])
        self.worker.run(until_idle=True)

    def close(self) -> None:
        for part in (self.fetched, self.queue, self.inbox, self.store, self.records):
            part.close()


@pytest.fixture
def world(tmp_path: Path, reader: Reader, site: str) -> Iterator[World]:
    (tmp_path / "pictures").mkdir()
    opened = World(tmp_path, reader, (site,))
    yield opened
    opened.close()


def stored(world: World) -> Analysis:
    (record,) = world.store.get(["weibo:1"])
    assert record
    assert record.mention.text == "茶茶的客服，大家看图"
    return record.analysis


def test_the_text_of_a_picture_is_analysed_masked_and_kept_apart(world: World) -> None:
    (world.settings.home / "pictures/shot.png").write_bytes(screenshot(*SAID))
    world.say("file:shot.png")
    assert stored(world).sentiment != "negative"
    world.pictures.run(until_idle=True)
    analysis = stored(world)
    (picture,) = analysis.pictures
    assert analysis.sentiment == "negative"
    assert picture.text
    assert "不能退款" in picture.text
    assert "电话[phone]没人接" in picture.text
    assert analysis.masked == {"phone": 1}
    world.say("file:shot.png")
    assert world.queue.depth() == 0  # a repeat is not read again
    rescore(world.store, Analyser(world.settings, Newer()), query(), batch=10)
    assert stored(world).pictures == (picture,)
    assert (stored(world).sentiment, stored(world).model) == ("negative", "newer")


class Newer(WordListModel):
    name = "newer"


def query() -> object:
    from index.query import MentionQuery

    return MentionQuery()


def test_pictures_come_over_http_by_the_rules(world: World, site: str) -> None:
    Site.pages = {
        "/robots.txt": b"User-agent: *\nDisallow: /private/",
        "/a.png": screenshot("不能退款"),
        "/private/b.png": screenshot("不能退款"),
    }
    elsewhere = site.replace("127.0.0.1", "localhost")
    world.say(f"{site}/a.png", f"{site}/private/b.png", f"{site}/none.png", f"{elsewhere}/a.png")
    world.pictures.run(until_idle=True)
    read, forbidden, missing, private = stored(world).pictures
    assert read == Picture(url=f"{site}/a.png", text="不能退款")
    assert "robots.txt" in (forbidden.problem or "")
    assert "404" in (missing.problem or "")
    assert "private network" in (private.problem or "")
    assert stored(world).sentiment == "negative"


@pytest.mark.parametrize(
    ("data", "reason"),
    [(b"no picture", "cannot identify"), (None, "put it there"), (png(20_000, 20_000, b""), "pixels")],
)
def test_a_picture_that_cannot_be_read_is_in_quarantine_with_the_reason(
    world: World, data: bytes | None, reason: str
) -> None:
    if data is not None:
        (world.settings.home / "pictures/bad.png").write_bytes(data)
    world.say("file:bad.png", "file:../../etc/passwd")
    world.pictures.run(until_idle=True)
    first, second = stored(world).pictures
    assert reason in (first.problem or "")
    assert "not the name of a file" in (second.problem or "")
    kept = world.inbox.quarantined()
    assert len(kept) == 2
    assert {entry.place for entry in kept} == {"weibo:1"}
    assert any(reason in entry.reason for entry in kept)
    assert world.queue.depth() == 0
    assert world.inbox.erase_author("weibo:u1") == 2


def test_a_site_that_is_down_is_asked_again_later(world: World, site: str) -> None:
    world.say(f"{site}/later.png")
    world.pictures.run(until_idle=True)
    assert stored(world).pictures == ()
    assert world.queue.depth() == 1
    assert world.queue.counts()["weibo-api"]["retried"] == 1


def test_a_site_that_names_a_time_is_left_alone_until_then(world: World, site: str) -> None:
    world.say(f"{site}/busy.png")
    world.pictures.run(until_idle=True)
    ((ready,),) = world.queue.database.all("SELECT ready FROM item")
    assert ready > time.time() + 7000


def test_pictures_read_again_after_a_crash_change_nothing(world: World) -> None:
    (world.settings.home / "pictures/shot.png").write_bytes(screenshot(*SAID))
    world.say("file:shot.png")
    (lent,) = world.queue.lease(1, worker="test")
    for _ in range(2):  # the second time as if the first had ended before it said so
        world.pictures._work(lent)
        assert stored(world).masked == {"phone": 1}


def test_a_queue_of_pictures_that_cannot_be_used_costs_no_mention_a_try(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nlp.worker.LONGEST_PAUSE", 0.01)
    world.queue.close()
    file = tmp_path / "pictures.sqlite"
    kept = file.read_bytes()
    file.write_bytes(b"no database" * 1000)
    mention = Mention(
        id="weibo:1", platform="weibo", source="weibo-api", text="茶茶", published_at=NOW, media=("file:a.png",)
    )
    world.inbox.put([Item(mention=mention)])
    for _ in range(2 * world.settings.max_tries):
        assert world.worker.step() == 0
    file.write_bytes(kept)
    assert world.worker.step() == 1
    assert world.queue.depth() == 1
    assert world.inbox.quarantined() == []


def test_a_mention_edited_meanwhile_is_left_to_its_own_turn(world: World) -> None:
    (world.settings.home / "pictures/shot.png").write_bytes(screenshot("不能退款"))
    world.say("file:shot.png")
    (lent,) = world.queue.lease(1, worker="test")
    world.say("file:shot.png", version=2, text="茶茶的客服，改了一句")
    world.pictures._work(lent)
    (record,) = world.store.get(["weibo:1"])
    assert record
    assert (record.mention.version, record.analysis.pictures) == (2, ())


def test_an_aspect_found_in_a_picture_has_no_place_in_the_text() -> None:
    from index.documents import Aspect

    mention = Mention(id="a:1", platform="a", source="s", text="四个字吧", published_at=NOW)
    aspects = tuple(Aspect(name="service", sentiment="negative", span=span) for span in ((0, 2), (5, 9), (2, 6)))
    analysis = Analysis(
        model="m", model_version="1", analysed_at=NOW, lang="zh", sentiment="negative", probabilities={},
        aspects=aspects,
    )  # fmt: skip
    kept = of_mention(analysis, mention, [Picture(url="u", text="图里的字")])
    assert [aspect.span for aspect in kept.aspects] == [(0, 2), None, None]
