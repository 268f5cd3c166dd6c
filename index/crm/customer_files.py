"""Customers out of a CRM's export: which column is what, and what each row says.

The header is the first row that names a customer number and one more known column, in Chinese or English.
A column that is absent keeps what is known; an empty cell means "not known any more".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec

from index import cells
from index.crm.contacts import normalise_email, normalise_phone
from index.crm.evidence import clean_handle
from index.documents import Document
from index.errors import ImportFileError
from index.tables import Row, Table, read_table

HEADER_WITHIN = 30  # banners, titles and date ranges stand above the header, never a page of them
LONGEST = 200  # characters of a name, an id or a handle: longer is another column's text
_TOTALS = frozenset({"合计", "总计", "小计", "total", "subtotal", "sum"})
COLUMNS: dict[str, tuple[str, ...]] = {
    "id": ("客户编号", "客户id", "会员号", "会员编号", "会员id", "客户号", "customerid", "memberid", "id", "编号"),
    "name": ("姓名", "客户姓名", "会员姓名", "客户名称", "name", "customername", "fullname"),
    "phone": ("手机", "手机号", "手机号码", "电话", "联系电话", "phone", "mobile", "phonenumber", "telephone"),
    "email": ("邮箱", "电子邮箱", "电子邮件", "邮件", "email", "mail", "emailaddress"),
    "tier": ("等级", "会员等级", "客户等级", "级别", "tier", "level"),
    "orders": ("订单数", "订单量", "累计订单", "消费次数", "orders", "ordercount"),
    "spend": ("消费金额", "累计消费", "累计消费金额", "总消费", "消费总额", "spend", "totalspend", "amount"),
    "last_order_at": ("最近订单时间", "最近下单时间", "最近消费时间", "lastorderat", "lastorderdate"),
    "last_order": ("最近订单", "最近购买", "最近商品", "最近订单内容", "lastorder", "lastproduct"),
    "tags": ("标签", "客户标签", "tags", "tag"),
    "consent": ("同意", "是否同意", "授权", "同意联系", "consent", "optin"),
}
_LATIN: tuple[str, ...] = ("weibo", "douyin", "xiaohongshu", "bilibili", "kuaishou", "zhihu", "tiktok", "instagram")
_LATIN += ("facebook", "youtube", "reddit", "x", "mastodon", "bluesky", "hackernews", "forum")
PLATFORMS = {name: name for name in _LATIN} | {
    "微博": "weibo",
    "新浪微博": "weibo",
    "抖音": "douyin",
    "小红书": "xiaohongshu",
    "b站": "bilibili",
    "哔哩哔哩": "bilibili",
    "快手": "kuaishou",
    "知乎": "zhihu",
    "twitter": "x",
    "推特": "x",
}
_ACCOUNT = re.compile(
    r"(?P<platform>.+?)(?P<what>昵称|名称|名|id|uid|号|账号|帐号|账户|handle|name|nickname|account|user)?"
)
_CONTACT = re.compile(r"(?<!\d)(?:\+?\d[\d \-]{7,18}\d)(?!\d)|[\w.+\-]{1,64}@[\w\-]{1,63}(?:\.[\w\-]{1,63})+")
_EXACT = frozenset({"id", "uid", "号", "账号", "帐号", "账户", "handle", "account"})


class CustomerRow(Document, frozen=True, kw_only=True):
    """What one row says. `fields` holds the columns that are there: Customer's plain fields, "phone" (E.164),
    "email", and "handles" (only the platforms of the file). `left_out` names what could not be read."""

    number: int
    id: str
    fields: dict[str, Any]
    left_out: tuple[str, ...] = ()


class BadRow(Document, frozen=True, kw_only=True):
    """A row that was not taken: where, why, and the row itself (for `inbox.quarantine_raw`)."""

    number: int
    reason: str
    raw: bytes
    sheet: str | None = None

    @property
    def place(self) -> str:
        return f"{self.sheet}, row {self.number}" if self.sheet else f"row {self.number}"


class CustomerFile(msgspec.Struct, frozen=True, kw_only=True):
    """`columns` maps each header that was understood to its field. `rows` streams once, through every sheet that
    has the fields of the first one; `others` are sheets about customers that have not: orders, perhaps."""

    columns: dict[str, str]
    rows: Iterator[CustomerRow | BadRow]
    others: tuple[str, ...] = ()


def read_customers(path: Path, zone: str) -> CustomerFile:
    """Open an export; naive times are local to `zone`. Raises ImportFileError (E_NO_HEADER: no sheet has a
    row that names a customer number), and while streaming what `read_table` raises."""
    found = {
        sheet: header
        for sheet in read_table(path).sheets or (None,)
        if (header := _find_header(read_table(path, sheet)))
    }
    if found:
        cells_of_first, fields = next(iter(found.values()))
        alike = [sheet for sheet, (_, theirs) in found.items() if _known(theirs) == _known(fields)]
        return CustomerFile(
            columns={str(cell): field for cell, field in zip(cells_of_first, fields, strict=True) if field},
            rows=chain.from_iterable(_rows_of_sheet(path, sheet, zone) for sheet in alike),
            others=tuple(sheet for sheet in found if sheet and sheet not in alike),
        )
    raise ImportFileError(
        "E_NO_HEADER",
        f"{path.name} has no header row with a customer number (客户编号, 会员号, customer_id)"
        " and one more known column (姓名, 手机, 邮箱, 等级, 订单数, 消费金额, ...). Name the columns in row 1.",
    )


def _find_header(table: Table) -> tuple[list[Any], list[str | None]] | None:
    """The header's cells and the field of each; the table's rows then go on below it."""
    for row in table.rows:
        fields = [] if row.error else _fields(row.cells)
        if "id" in fields and sum(field is not None for field in fields) >= 2:
            return row.cells, fields
        if row.number >= HEADER_WITHIN:
            return None
    return None


def _known(fields: list[str | None]) -> set[str | None]:
    return set(fields) - {None}


def _rows_of_sheet(path: Path, sheet: str | None, zone: str) -> Iterator[CustomerRow | BadRow]:
    table = read_table(path, sheet)
    if header := _find_header(table):
        yield from _read_rows(table, header[1], zone)


def _fields(header: list[Any]) -> list[str | None]:
    """The field of each column; of several columns for one field the first counts, an account id before a
    nickname."""
    found = [_field(cell) for cell in header]
    chosen: list[str | None] = []
    for field, exact in found:
        better = not exact and (field, True) in found
        chosen.append(None if field is None or field in chosen or better else field)
    return chosen


def _field(cell: Any) -> tuple[str | None, bool]:
    """Field of a header cell ("handle:PLATFORM" for accounts), and whether it names accounts exactly."""
    name = cells.header(cell)
    for field, aliases in COLUMNS.items():
        if name in aliases:
            return field, True
    account = _ACCOUNT.fullmatch(name)
    if account and account["platform"] in PLATFORMS:
        return f"handle:{PLATFORMS[account['platform']]}", account["what"] in _EXACT
    return None, False


def _read_rows(table: Table, fields: list[str | None], zone: str) -> Iterator[CustomerRow | BadRow]:
    for row in table.rows:
        values = {field: cell for field, cell in zip(fields, row.cells, strict=False) if field}
        if row.error:
            yield _bad(row, row.error, table.sheet)
        elif any(cells.text(cell) is not None for cell in row.cells if not isinstance(cell, list | dict)):
            try:
                yield read_row(row.number, values, zone)
            except ValueError as error:
                yield _bad(row, _without_contacts(str(error)), table.sheet)


def _bad(row: Row, reason: str, sheet: str | None) -> BadRow:
    return BadRow(number=row.number, reason=reason, raw=redacted(row.cells), sheet=sheet)


def redacted(row: Any) -> bytes:
    """A row as JSON without contact data: the quarantine is no place for it, the file itself still has it."""
    text = msgspec.json.encode(row, enc_hook=str).decode()
    return _without_contacts(text).encode()


def _without_contacts(text: str) -> str:
    return _CONTACT.sub(lambda found: f"{found[0][:3]}****", text)


def read_row(number: int, values: dict[str, Any], zone: str) -> CustomerRow:
    """One row by field. Raises ValueError with the column and the reason."""
    customer_id = _customer_id(values.get("id"))
    readers: dict[str, Callable[[Any], Any]] = {
        "name": _line,
        "tier": _line,
        "last_order": _line,
        "orders": cells.whole,
        "spend": cells.number,
        "last_order_at": lambda cell: cells.moment(cell, zone),
        "tags": _tags,
        "consent": cells.yes_or_no,
    }
    fields: dict[str, Any] = {}
    for field, read in readers.items():
        if field in values:
            fields[field] = _named(field, read, values[field])
    left_out = _read_contact(values, fields)
    handles = {f.partition(":")[2]: _handle(cell) for f, cell in values.items() if f.startswith("handle:")}
    if handles:
        fields["handles"] = handles
    return CustomerRow(number=number, id=customer_id, fields=fields, left_out=left_out)


def _read_contact(values: dict[str, Any], fields: dict[str, Any]) -> tuple[str, ...]:
    """Puts phone and e-mail into `fields`; one that cannot be read is left out, what was known stays."""
    left_out = []
    for kind, normalise in (("phone", normalise_phone), ("email", normalise_email)):
        if kind in values:
            written = cells.text(values[kind])
            plain = normalise(written) if written else None
            if written and plain is None:
                left_out.append(kind)
            else:
                fields[kind] = plain
    return tuple(left_out)


def _named(field: str, read: Callable[[Any], Any], cell: Any) -> Any:
    try:
        return read(cell)
    except ValueError as error:
        raise ValueError(f"{field}: {error}") from error


def _customer_id(cell: Any) -> str:
    if isinstance(cell, float) and abs(cell) >= 1e15:
        raise ValueError("customer number: the spreadsheet rounded it; format the column as text (E_ID_PRECISION)")
    written = _line(cell)
    if written is None or written.lower() in _TOTALS:
        raise ValueError("no customer number (E_ROW_NO_KEY)")
    if re.fullmatch(r"\d(\.\d+)?E\+\d+", written, re.IGNORECASE):
        raise ValueError("customer number: the spreadsheet rounded it; format the column as text (E_ID_PRECISION)")
    return written


def _line(cell: Any) -> str | None:
    """Text of one line: control characters become spaces. Raises ValueError when it is far too long."""
    if isinstance(cell, list | dict):
        raise ValueError("a list or an object where text is due")
    written = cells.text(cell)
    if written is None:
        return None
    plain = " ".join("".join(c if c.isprintable() else " " for c in written).split())
    if len(plain) > LONGEST:
        raise ValueError(f"longer than {LONGEST} characters")
    return plain or None


def _tags(cell: Any) -> tuple[str, ...]:
    parts = cell if isinstance(cell, list) else re.split(r"[,，;；|、/]", cells.text(cell) or "")
    return tuple(dict.fromkeys(tag for part in parts if (tag := _line(part))))


def _handle(cell: Any) -> str | None:
    written = _line(cell)
    return clean_handle(written) if written else None
