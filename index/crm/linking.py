"""Which account belongs to which customer. Links are made on exact evidence only, and people can undo them.

Evidence is kept apart from links, and a link is decided from all evidence of the account: the same facts
give the same links in whatever order they come. The links table is the truth; the store mirrors it.
`Link.evidence` is "person", or kinds joined by "+": phone, email (in the account's own text), account (id
or handle declared by the customer), name (declared display name). It never holds the contact itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from index.audit import record_act
from index.crm.contacts import Contacts, open_contacts
from index.crm.evidence import (
    ContactsByMention,
    Evidence,
    by_contact,
    by_declared,
    by_handle,
    posted_contacts,
    seen_contacts,
)
from index.crm.links import (
    COLUMNS,
    customers_of,
    decide,
    drop_outdated,
    find_pair,
    keep,
    linked_now,
    read_link,
    set_status,
    write_link,
)
from index.documents import Customer, Document, Link, Record
from index.errors import EarshotError, NotFound
from index.records import open_records
from index.records.protocol import Records, Row
from index.settings import Settings
from index.stores.protocol import Store

AT_ONCE = 500  # customers per transaction


class Proposal(Document, frozen=True, kw_only=True):
    """A pair a person may confirm (`Linker.link`) or turn down (`Linker.unlink`)."""

    author_id: str
    customer_id: str
    evidence: str
    at: datetime
    mention_id: str | None = None


class Linker:
    """Safe from several processes at once. Close `records` when you opened it yourself."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        records: Records | None = None,
        contacts: Contacts | None = None,
    ) -> None:
        self.records = records or open_records(settings)
        self._store = store
        self._contacts = contacts or open_contacts(settings.home)
        self._contacts.check_key(self.records)

    def observe(
        self, records: Sequence[Record], contacts: ContactsByMention, now: datetime | None = None
    ) -> list[Link]:
        """Link the authors of saved records where the evidence is exact; call after `store.save`.

        `contacts`: mention id -> (kind, value) pairs found in the author's own text before masking, kind
        "phone" or "email". Returns the links made now. Repeats change nothing.
        """
        at = now or datetime.now(UTC)
        spoken = [r for r in records if r.mention.author is not None and not r.mention.deleted]
        seen = posted_contacts(spoken, contacts, self._contacts)
        evidence = by_handle(self.records, spoken)
        made = [] if self._known(evidence, seen) else self._take_in(evidence, seen, at)
        self.mirror()
        return made

    def link_existing(self, customers: Sequence[Customer], now: datetime | None = None) -> list[Link]:
        """The same for customers that came, or changed, after the mentions. Returns the links made now."""
        at = now or datetime.now(UTC)
        made: list[Link] = []
        for start in range(0, len(customers), AT_ONCE):
            some = customers[start : start + AT_ONCE]
            made += self._take_in(
                by_declared(self._store, some), seen_contacts(self.records, some), at, changed=some
            )
            self.mirror()
        return made

    def link(self, author_id: str, customer_id: str, *, by: str, reason: str) -> Link:
        """A person's decision; wins over everything automatic. Raises NotFound for an unknown customer."""
        _named(by)
        at = datetime.now(UTC)
        with self.records.write() as transaction:
            if not transaction.one("SELECT 1 FROM customers WHERE id = ?", (customer_id,)):
                raise NotFound(f"There is no customer {customer_id}.")
            for old in linked_now(transaction, author_id):
                if old.customer_id != customer_id:
                    set_status(transaction, old, "unlinked", by, at, f"linked to {customer_id}: {reason}")
            new = Link(
                author_id=author_id,
                customer_id=customer_id,
                status="linked",
                evidence="person",
                by=by,
                at=at,
                reason=reason,
            )
            write_link(transaction, new)
            record_act(transaction, at, who=by, what="link", subject=f"{author_id} {customer_id}", why=reason)
        self.mirror()
        return new

    def unlink(self, author_id: str, customer_id: str, *, by: str, reason: str) -> Link:
        """Undo a link or turn down a proposal: the pair is never linked or proposed by itself again.

        Raises NotFound when there is neither a link nor evidence for one.
        """
        _named(by)
        at = datetime.now(UTC)
        with self.records.write() as transaction:
            old = find_pair(transaction, author_id, customer_id)
            if old is None:
                raise NotFound(f"{author_id} was never linked or proposed to customer {customer_id}.")
            new = set_status(transaction, old, "rejected", by, at, reason)
            record_act(transaction, at, who=by, what="unlink", subject=f"{author_id} {customer_id}", why=reason)
        self.mirror()
        return new

    def links(self, *, customer_id: str | None = None, author_id: str | None = None) -> list[Link]:
        """Links in force, newest first."""
        rows = self.records.all(
            f"SELECT {COLUMNS} FROM links WHERE status = 'linked' AND (?1 IS NULL OR customer_id = ?1)"  # noqa: S608
            " AND (?2 IS NULL OR author_id = ?2) ORDER BY at DESC, author_id",
            (customer_id, author_id),
        )
        return [read_link(row) for row in rows]

    def history(self, *, customer_id: str | None = None, author_id: str | None = None) -> list[Link]:
        """Every step, newest first."""
        rows = self.records.all(
            f"SELECT {COLUMNS} FROM link_history WHERE (?1 IS NULL OR customer_id = ?1)"  # noqa: S608
            " AND (?2 IS NULL OR author_id = ?2) ORDER BY id DESC",
            (customer_id, author_id),
        )
        return [read_link(row) for row in rows]

    def proposals(self, *, customer_id: str | None = None, limit: int = 100) -> list[Proposal]:
        """Pairs with evidence that is not enough by itself, newest first."""
        rows = self.records.all(
            "SELECT author_id, customer_id, string_agg(kind, '+' ORDER BY kind), max(at), max(mention_id)"
            " FROM link_evidence e WHERE (?1 IS NULL OR customer_id = ?1) AND NOT EXISTS"
            " (SELECT 1 FROM links l WHERE l.author_id = e.author_id AND l.customer_id = e.customer_id"
            " AND l.status IN ('linked', 'rejected'))"
            " GROUP BY author_id, customer_id ORDER BY max(at) DESC, author_id, customer_id LIMIT ?2",
            (customer_id, limit),
        )
        return [
            Proposal(
                author_id=author, customer_id=to, evidence=kinds, at=datetime.fromisoformat(at), mention_id=mention
            )
            for author, to, kinds, at, mention in rows
        ]

    def customers_of(self, author_ids: Iterable[str]) -> dict[str, str]:
        """author id -> customer id, for those that are linked."""
        return customers_of(self.records, author_ids)

    def forget_author(self, author_id: str) -> None:
        """Remove everything kept about an account that was erased."""
        with self.records.write() as transaction:
            for table in ("contacts_seen", "link_evidence", "links", "link_history", "link_mirror"):
                transaction.run(f"DELETE FROM {table} WHERE author_id = ?", (author_id,))  # noqa: S608

    def mirror(self) -> None:
        """Tell the store what it was not told yet. Links are mirrored at once; this is for after a crash.

        The truth is read again after it was told, so the slower of two processes cannot leave an older link.
        """
        for author_id, pending in self.records.all("SELECT author_id, customer_id FROM link_mirror"):
            told, truth = None, (self.customers_of([author_id]).get(author_id),)
            while told != truth:
                self._store.set_customer(author_id, truth[0])
                told, truth = truth, (self.customers_of([author_id]).get(author_id),)
            self.records.run(
                "DELETE FROM link_mirror WHERE author_id = ? AND customer_id IS NOT DISTINCT FROM ?",
                (author_id, pending),
            )

    def _take_in(
        self,
        evidence: Sequence[Evidence],
        seen: Sequence[Row],
        at: datetime,
        changed: Sequence[Customer] = (),
    ) -> list[Link]:
        """Keep what is new and decide again for every account it may touch, in one transaction.

        Customers are asked for the contacts inside it: an import at the same moment misses none.
        """
        with self.records.write() as transaction:
            transaction.many(
                "INSERT INTO contacts_seen VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
                [(*row, at.isoformat()) for row in seen],
            )
            touched = drop_outdated(transaction, changed)
            for one in [*evidence, *by_contact(transaction, seen)]:
                touched |= keep(transaction, one, at)
            decided = [decide(transaction, author, at) for author in sorted(touched)]
        return [link for link in decided if link is not None]

    def _known(self, evidence: Sequence[Evidence], seen: Sequence[Row]) -> bool:
        """Whether a transaction would change nothing: most batches repeat what is known."""
        old = self.records.all(
            "SELECT author_id, customer_id, kind FROM link_evidence"
            " WHERE author_id IN (SELECT value FROM json_each(?))",
            (sorted({e.author_id for e in evidence}),),
        )
        hashes = self.records.all(
            "SELECT hash, author_id FROM contacts_seen WHERE hash IN (SELECT value FROM json_each(?))",
            (sorted({row[0] for row in seen}),),
        )
        return {(e.author_id, e.customer_id, e.kind) for e in evidence} <= set(old) and {
            (row[0], row[1]) for row in seen
        } <= set(hashes)


def _named(by: str) -> None:
    if not by.strip():
        raise EarshotError("Say who does this: a link or its end carries a name.")
