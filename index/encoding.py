"""Which encoding a text file is in: UTF-8, UTF-16, or what older Chinese, Japanese, Korean and Western
programs write. Judged on lines from the whole file, because the first page is often plain ASCII."""

from __future__ import annotations

from pathlib import Path

from charset_normalizer import from_bytes

from index.errors import ImportFileError

SAMPLE = 256 * 1024
LEGACY = ["gb18030", "big5", "cp932", "cp949", "cp1252"]


def detect_encoding(path: Path) -> str:
    """Name of the text encoding. Raises ImportFileError E_ENCODING or E_NOT_A_TABLE (binary content)."""
    with path.open("rb") as file:
        head = file.read(4096)
    if head.startswith(b"\xef\xbb\xbf"):
        return "utf-8-sig"
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    if b"\x00" in head:
        return _wide_or_binary(path, head)
    lines = _foreign_lines(path)
    if _readable(lines, "utf-8") >= 0.9 * len(lines):
        return "utf-8"
    return _legacy(path, lines)


def _wide_or_binary(path: Path, head: bytes) -> str:
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if max(even, odd) > 4 * min(even, odd) and max(even, odd) * 8 > len(head):
        return "utf-16-le" if odd > even else "utf-16-be"
    raise ImportFileError(
        "E_NOT_A_TABLE", f"{path.name} is not a table. Bring CSV, XLSX or JSONL; unpack archives first."
    )


def _foreign_lines(path: Path) -> list[bytes]:
    """Lines with bytes beyond ASCII, from anywhere in the file: the only ones that tell the encoding."""
    found: list[bytes] = []
    size = 0
    with path.open("rb") as file:
        for line in file:
            if not line.isascii():
                found.append(line)
                size += len(line)
                if size > SAMPLE:
                    break
    return found


def _readable(lines: list[bytes], encoding: str) -> int:
    return sum(_decodes(line, encoding) for line in lines)


def _decodes(line: bytes, encoding: str) -> bool:
    try:
        line.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _legacy(path: Path, lines: list[bytes]) -> str:
    # One damaged line must not hide the encoding of the others, so the judge sees only the sound ones.
    sound = [line for line in lines if _decodes(line, "gb18030")]
    shown = sound if len(sound) >= 0.9 * len(lines) else lines
    if shown is sound and _common_chinese(b"".join(shown)):
        return "gb18030"
    best = from_bytes(b"".join(shown)[: SAMPLE // 8], cp_isolation=LEGACY).best()
    if best is None:
        raise ImportFileError(
            "E_ENCODING", f"The text encoding of {path.name} is not known. Save it as CSV UTF-8 and try again."
        )
    # The HKSCS superset reads everything Big5 does and the Cantonese characters besides.
    return "big5hkscs" if best.encoding.startswith("big5") else best.encoding


def _common_chinese(text: bytes) -> bool:
    """Whether nearly all double bytes are GB 2312's 3,755 common characters and its punctuation: certain from
    a few words on, where statistics need a page. Korean in the same bytes never leaves the first half."""
    common = second_half = pairs = at = 0
    while at < len(text) - 1:
        lead, trail = text[at], text[at + 1]
        at += 2 if lead > 0x80 else 1
        if lead > 0x80:
            pairs += 1
            common += trail >= 0xA1 and (0xB0 <= lead <= 0xD7 or 0xA1 <= lead <= 0xA3)
            second_half += 0xC9 <= lead <= 0xD7
    return common >= 0.9 * pairs and second_half >= 0.1 * pairs
