"""The process that opens pictures and reads their text: whatever a picture does to it, the worker lives on.

Started by nlp/images.py with `python -m nlp.picture_process`. In: the length of a picture as 4 bytes, then the
picture; out: one line of JSON. It has limits of memory and ends with its parent.
"""

from __future__ import annotations

import io
import itertools
import json
import os
import struct
import sys
from collections.abc import Iterator
from typing import Any

SIDE = 2_000  # pixels: a larger picture is made smaller, letters of a screenshot stay readable
MAX_SIDE, MAX_PIXELS = 30_000, 60_000_000  # a long screenshot has 1,080 x 30,000
SEAM, BLANK = 200, 16  # rows before the end of a piece in which it may be cut; how many should be empty there
LEAST, SLIM = 32, 8  # pixels of a side; times as high as wide, what is wide the reader frames itself
MEMORY = 3 << 30  # bytes of address space, most of it never touched
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")


def main() -> None:
    _limit_memory()
    source, sink = sys.stdin.buffer, os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints must not look like an answer
    engine = _engine()
    print("ready", file=sink, flush=True)
    while len(head := source.read(4)) == 4:
        (length,) = struct.unpack(">I", head)
        answer = _answer(engine, source.read(length))
        print(json.dumps(answer), file=sink, flush=True)


def _answer(engine: Any, data: bytes) -> dict[str, str | None]:
    from PIL import Image

    try:
        return {"text": _read(engine, data), "problem": None}
    except (ValueError, OSError, SyntaxError, struct.error, Image.DecompressionBombError) as error:
        return {"text": None, "problem": f"not a picture that can be read ({error})"[:300]}
    except MemoryError:
        return {"text": None, "problem": "the picture needs too much memory"}


def _read(engine: Any, data: bytes) -> str:
    import numpy as np
    from PIL import Image, ImageOps

    with Image.open(io.BytesIO(data), formats=FORMATS) as picture:  # reads the head alone
        width, height = picture.size
        if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE:
            raise ValueError(f"{width} x {height} pixels are too many")
        picture.draft("RGB", (SIDE, SIDE))
        flat = ImageOps.exif_transpose(picture).convert("RGBA")
    page = Image.new("RGB", flat.size, "white")
    page.paste(flat, mask=flat)
    lines = [line for part in _parts(page) for line in engine(np.asarray(part)[:, :, ::-1]).txts or ()]
    return "\n".join(lines)


def _parts(page: Any) -> list[Any]:
    """A long screenshot is read piece by piece, anything else as a whole of at most SIDE."""
    return [_framed(part) for part in _pieces(page)]


def _framed(part: Any) -> Any:
    """Room for a letter in each direction: the reader enlarges what is thinner until a line fills the memory."""
    from PIL import Image

    frame = Image.new("RGB", (max(part.width, LEAST, part.height // SLIM), max(part.height, LEAST)), "white")
    frame.paste(part)
    return frame


def _pieces(page: Any) -> list[Any]:
    if page.height > 2 * page.width and page.height > SIDE:
        width = min(page.width, SIDE)
        page = page.resize((width, page.height * width // page.width)) if width < page.width else page
        cuts = list(_cuts(page))
        return [page.crop((0, top, width, bottom)) for top, bottom in itertools.pairwise(cuts)]
    page.thumbnail((SIDE, SIDE))
    return [page]


def _cuts(page: Any) -> Iterator[int]:
    """Rows from 0 to the height, at most SIDE apart, where the picture has the least ink: not through a line."""
    import numpy as np

    top = 0
    while top + SIDE < page.height:
        yield top
        start = top + SIDE - SEAM
        rows = np.asarray(page.crop((0, start, page.width, top + SIDE)).convert("L"), np.float32)
        ink = np.convolve(rows.std(axis=1), np.ones(BLANK), "valid")
        top = start + int(ink.argmin()) + BLANK // 2
    yield from (top, page.height)


def _engine() -> Any:
    from rapidocr import RapidOCR

    return RapidOCR(
        params={
            "Global.log_level": "critical",
            "EngineConfig.onnxruntime.intra_op_num_threads": 1,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
        }
    )


def _limit_memory() -> None:
    try:
        import resource
    except ImportError:  # no such limits on Windows
        return
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


if __name__ == "__main__":
    main()
