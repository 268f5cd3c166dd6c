"""Customers of the brand's CRM: taken in, found, shown with masked contact data, and erased for good."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import msgspec

from index.alerts.casebook import forget_replies
from index.audit import record_act
from index.crm.contacts import Contacts, mask_contact, open_contacts
from index.crm.customer_files import BadRow, CustomerRow, read_customers, redacted
from index.crm.links import to_mirror
from index.documents import Customer, Document
from index.errors import EarshotError, NotFound
from index.records import open_records
from index.records.protocol import Reader, Records, Transaction
from index.settings import Settings

Sort = Literal["name", "spend", "last_order", "updated"]
AT_ONCE = 1000  # rows per transaction
_ORDERS: dict[str, str] = {
    "name": "name IS NULL, name, id",
    "spend": "spend IS NULL, spend DESC, id",
    "last_order": "last_order_at IS NULL, last_order_at DESC, id",
    "updated": "updated_at DESC, id",
}
_decode = msgspec.json.Decoder(Customer).decode
Found = list[Customer]  # inside the class below, "list" is the method


class ImportReport(Document, frozen=True, kw_only=True):
    """What became of the rows: read = inserted + updated + unchanged + duplicate + erased + len(bad).

    "duplicate": the same row again in the file. "erased": the customer was erased and stays so. `columns`:
    which header was understood as what. `warnings`: cells left out of rows that were taken.
    """

    columns: dict[str, str]
    read: int = 0
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    duplicate: int = 0
    erased: int = 0
    bad: tuple[BadRow, ...] = ()
    warnings: tuple[str, ...] = ()
    changed_ids: tuple[str, ...] = ()


class Customers:
    """Safe from several processes at once. Close `records` when you opened it yourself."""

    def __init__(
        self, settings: Settings, records: Records | None = None, contacts: Contacts | None = None
    ) -> None:
        self.records = records or open_records(settings)
        self._zone = settings.timezone
        self._contacts = contacts or open_contacts(settings.home)
        self._contacts.check_key(self.records)

    def import_customers(self, path: Path) -> ImportReport:
        """Take in an export (CSV, XLSX, JSONL; see customer_files.py). Raises ImportFileError.

        Repeating it changes nothing. Afterwards call
        `Linker.link_existing(customers.get_many(report.changed_ids))`.
        """
        file = read_customers(path, self._zone)
        tally = _Tally()
        for rows in _chunks(tally.sort_out(file.rows)):
            with self.records.write() as transaction:
                old = self._stored(transaction, [row.id for row in rows])
                erased = self._erased(transaction, [row.id for row in rows])
                for row in rows:
                    new = self._merged(old.get(row.id), row)
                    tally.outcome(row.id, self._put(transaction, old.get(row.id), new, erased))
        return tally.report(file.columns, file.others)

    def upsert(self, customers: Sequence[Customer]) -> ImportReport:
        """Write whole customers; unchanged ones are not touched, erased ones stay away."""
        tally = _Tally()
        with self.records.write() as transaction:
            ids = [customer.id for customer in customers]
            old, erased = self._stored(transaction, ids), self._erased(transaction, ids)
            for customer in customers:
                tally.read += 1
                tally.outcome(customer.id, self._put(transaction, old.get(customer.id), customer, erased))
        return tally.report({})

    def get(self, customer_id: str) -> Customer:
        """Raises NotFound."""
        found = self.get_many([customer_id])
        if not found:
            raise NotFound(f"There is no customer {customer_id}.")
        return found[0]

    def get_many(self, ids: Sequence[str]) -> Found:
        """Those that exist, in the order asked."""
        found = self._stored(self.records, ids)
        return [found[id_] for id_ in ids if id_ in found]

    def search(self, text: str, *, limit: int = 50) -> Found:
        """By parts of name, id, handle or tag (every word must occur); by a whole phone number or address."""
        hashed = [h for kind in ("phone", "email") if (h := self._contacts.hash(kind, text))]
        if hashed:
            rows = self.records.all(
                "SELECT document FROM customers WHERE phone_hash = ?1 OR email_hash = ?1 ORDER BY id", (hashed[0],)
            )
            if rows:
                return [_decode(row[0]) for row in rows[:limit]]
        words = [_like(word) for word in _folded(text).split()]
        tests = " AND ".join(["words LIKE ? ESCAPE '\\'"] * len(words)) or "true"
        rows = self.records.all(
            f"SELECT document FROM customers WHERE {tests} ORDER BY {_ORDERS['name']} LIMIT ?",  # noqa: S608
            (*words, limit),
        )
        return [_decode(row[0]) for row in rows]

    def list(self, *, limit: int = 50, offset: int = 0, sort: Sort = "name") -> Found:
        """A page of customers; those who lack what is sorted by come last."""
        rows = self.records.all(
            f"SELECT document FROM customers ORDER BY {_ORDERS[sort]} LIMIT ? OFFSET ?",  # noqa: S608
            (limit, offset),
        )
        return [_decode(row[0]) for row in rows]

    def erase(self, customer_id: str, *, by: str, reason: str) -> tuple[str, ...]:
        """Remove a customer, their links and the replies written to them, unrecoverably; a later import does
        not bring them back. Returns the linked author ids; call `Linker.mirror` to tell the store. What the
        accounts said in public stays (`Store.erase_author` removes it). Raises NotFound."""
        at = datetime.now(UTC)
        with self.records.write() as transaction:
            if not self._stored(transaction, [customer_id]):
                raise NotFound(f"There is no customer {customer_id}.")
            rows = transaction.all(
                "SELECT author_id FROM links WHERE customer_id = ? AND status = 'linked'", (customer_id,)
            )
            authors = sorted(str(author) for (author,) in rows)
            for table in ("link_evidence", "links", "link_history"):
                transaction.run(f"DELETE FROM {table} WHERE customer_id = ?", (customer_id,))  # noqa: S608
            for author in authors:
                to_mirror(transaction, author, None)
            forget_replies(transaction, authors)
            transaction.run("DELETE FROM customers WHERE id = ?", (customer_id,))
            transaction.run(
                "INSERT INTO customers_erased VALUES (?, ?) ON CONFLICT DO NOTHING",
                (self._contacts.digest("customer", customer_id), at.isoformat()),
            )
            record_act(transaction, at, who=by, what="customer.erase", subject=customer_id, why=reason)
        self.records.scrub()
        return tuple(authors)

    def masked(self, customer: Customer) -> dict[str, str]:
        """Contact data fit for a page: {"phone": "138****1234", "email": "w***@qq.com"}."""
        return mask_contact(self._contact(customer))

    def reveal(self, customer_id: str, *, by: str, reason: str) -> dict[str, str]:
        """Contact data in clear. Who, when and why is written down first. Raises NotFound, and EarshotError
        without a name and a reason."""
        if not by.strip() or not reason.strip():
            raise EarshotError("Say who you are and why: contact data is shown only with both.")
        customer = self.get(customer_id)
        with self.records.write() as transaction:
            record_act(
                transaction, datetime.now(UTC), who=by, what="contact.reveal", subject=customer_id, why=reason
            )
        return self._contact(customer)

    def counts(self) -> dict[str, int]:
        """How many customers there are, and how many have a linked account."""
        row = self.records.one(
            "SELECT (SELECT count(*) FROM customers),"
            " (SELECT count(DISTINCT customer_id) FROM links WHERE status = 'linked')"
        )
        return dict(zip(("customers", "linked"), row or (0, 0), strict=True))

    def _contact(self, customer: Customer) -> dict[str, str]:
        return self._contacts.decrypt(customer.contact_encrypted) if customer.contact_encrypted else {}

    def _stored(self, records: Reader, ids: Sequence[str]) -> dict[str, Customer]:
        rows = records.all(
            "SELECT id, document FROM customers WHERE id IN (SELECT value FROM json_each(?))", (list(ids),)
        )
        return {str(id_): _decode(str(document)) for id_, document in rows}

    def _erased(self, transaction: Transaction, ids: Sequence[str]) -> set[str]:
        if not transaction.one("SELECT 1 FROM customers_erased LIMIT 1"):
            return set()
        hashes = {self._contacts.digest("customer", id_): id_ for id_ in ids}
        rows = transaction.all(
            "SELECT id_hash FROM customers_erased WHERE id_hash IN (SELECT value FROM json_each(?))",
            (list(hashes),),
        )
        return {hashes[str(hashed)] for (hashed,) in rows}

    def _merged(self, old: Customer | None, row: CustomerRow) -> Customer:
        """The customer with what the row says; columns the file lacks keep what is known."""
        base = old or Customer(id=row.id)
        plain = {k: v for k, v in row.fields.items() if k not in ("phone", "email", "handles")}
        handles = base.handles | row.fields.get("handles", {})
        new = msgspec.structs.replace(base, **plain, handles={p: h for p, h in handles.items() if h})
        given = {kind: row.fields[kind] for kind in ("phone", "email") if kind in row.fields}
        hashes = {
            f"{kind}_hash": self._contacts.hash(kind, value) if value else None for kind, value in given.items()
        }
        if all(getattr(base, name) == value for name, value in hashes.items()):
            return new  # encrypting again would differ each time and make every row look changed
        contact = {kind: value for kind, value in (self._contact(base) | given).items() if value}
        encrypted = self._contacts.encrypt(contact) if contact else None
        return msgspec.structs.replace(new, **hashes, contact_encrypted=encrypted)

    def _put(self, transaction: Transaction, old: Customer | None, new: Customer, erased: set[str]) -> str:
        """Write one customer; returns inserted, updated, unchanged or erased."""
        if new.id in erased:
            return "erased"
        if old == new:
            return "unchanged"
        transaction.run(
            "INSERT INTO customers VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
            " document = excluded.document, name = excluded.name, spend = excluded.spend,"
            " last_order_at = excluded.last_order_at, phone_hash = excluded.phone_hash,"
            " email_hash = excluded.email_hash, words = excluded.words, updated_at = excluded.updated_at",
            _row(new),
        )
        transaction.run("DELETE FROM customer_handles WHERE customer_id = ?", (new.id,))
        transaction.many(
            "INSERT INTO customer_handles VALUES (?, ?, ?)",
            [(platform, handle, new.id) for platform, handle in new.handles.items()],
        )
        return "updated" if old else "inserted"


class _Tally:
    """Counts the ends of an import's rows, keeps the bad ones, drops repeats."""

    def __init__(self) -> None:
        self.read = 0
        self._counts = dict.fromkeys(("inserted", "updated", "unchanged", "duplicate", "erased"), 0)
        self._bad: list[BadRow] = []
        self._left_out: dict[str, list[int]] = {}
        self._changed: list[str] = []
        self._seen: dict[str, tuple[int, int]] = {}  # fingerprint and row number of each customer

    def sort_out(self, rows: Iterator[CustomerRow | BadRow]) -> Iterator[CustomerRow]:
        """The rows to write. A customer number that comes again with other data is a bad row: whichever was
        taken, the next import of the same file would change it back and forth."""
        for row in rows:
            self.read += 1
            if isinstance(row, BadRow):
                self._bad.append(row)
                continue
            fingerprint = hash(msgspec.json.encode(row.fields))
            known, first = self._seen.get(row.id, (None, row.number))
            if known is None:
                self._seen[row.id] = (fingerprint, row.number)
                for kind in row.left_out:
                    self._left_out.setdefault(kind, []).append(row.number)
                yield row
            elif known == fingerprint:
                self._counts["duplicate"] += 1
            else:
                reason = f"customer number stands in row {first} already, with other data"
                self._bad.append(BadRow(number=row.number, reason=reason, raw=redacted(row)))

    def outcome(self, customer_id: str, outcome: str) -> None:
        self._counts[outcome] += 1
        if outcome in ("inserted", "updated"):
            self._changed.append(customer_id)

    def report(self, columns: dict[str, str], others: Sequence[str] = ()) -> ImportReport:
        unread = tuple(f"sheet {name} has other columns than the first one and was not read" for name in others)
        warnings = unread + tuple(
            f"{len(rows)} × {kind} cannot be read and was left out, first in row {rows[0]}"
            for kind, rows in self._left_out.items()
        )
        return ImportReport(
            columns=columns,
            read=self.read,
            bad=tuple(self._bad),
            warnings=warnings,
            changed_ids=tuple(self._changed),
            **self._counts,
        )


def _chunks(rows: Iterator[CustomerRow]) -> Iterator[list[CustomerRow]]:
    some: list[CustomerRow] = []
    for row in rows:
        some.append(row)
        if len(some) == AT_ONCE:
            yield some
            some = []
    if some:
        yield some


def _row(customer: Customer) -> tuple[Any, ...]:
    words = [customer.id, customer.name or "", *customer.handles.values(), *customer.tags, customer.tier or ""]
    return (
        customer.id,
        msgspec.json.encode(customer).decode(),
        customer.name,
        customer.spend,
        customer.last_order_at.isoformat() if customer.last_order_at else None,
        customer.phone_hash,
        customer.email_hash,
        _folded("\n".join(words)),
        datetime.now(UTC).isoformat(),
    )


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def _like(word: str) -> str:
    escaped = word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"
