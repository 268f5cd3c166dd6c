"""The tables of links: who is linked now, every step so far, and what the store still has to be told."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from index.crm.evidence import CONTACT_KINDS, Evidence, platform_of
from index.documents import Customer, Link
from index.records.protocol import Reader, Row, Transaction

AUTOMATIC = "automatic"
COLUMNS = "author_id, customer_id, status, evidence, by, at, reason, mention_id"


def choose(
    candidates: Mapping[str, Collection[str]], rejected: Collection[str], rivals: Mapping[str, Collection[str]]
) -> str | None:
    """The customer an account is linked to by itself, or None when that takes a person.

    `candidates`: customer -> kinds of evidence. `rivals`: customer -> kinds ("account", "name") by which other
    accounts of the same platform claim them. A rejected customer still counts as a second candidate: where
    people had to decide once, they decide again.
    """
    if len(candidates) != 1:
        return None
    customer, kinds = next(iter(candidates.items()))
    if customer in rejected:
        return None
    claims = rivals.get(customer, ())
    exact = not CONTACT_KINDS.isdisjoint(kinds) or ("account" in kinds and "account" not in claims)
    return customer if exact or ("name" in kinds and not claims) else None


def customers_of(records: Reader, author_ids: Iterable[str]) -> dict[str, str]:
    """author id -> customer id, for those that are linked."""
    rows = records.all(
        "SELECT author_id, customer_id FROM links"
        " WHERE status = 'linked' AND author_id IN (SELECT value FROM json_each(?))",
        (list(author_ids),),
    )
    return dict(rows)


def drop_outdated(transaction: Transaction, changed: Sequence[Customer]) -> set[str]:
    """Drop evidence by a handle the customer does not declare any more; returns the accounts to decide again."""
    touched: set[str] = set()
    for customer in changed:
        for author, kind, declared in transaction.all(
            "SELECT author_id, kind, declared FROM link_evidence WHERE customer_id = ? AND declared IS NOT NULL",
            (customer.id,),
        ):
            if customer.handles.get(platform_of(author)) != declared:
                transaction.run(
                    "DELETE FROM link_evidence WHERE author_id = ? AND customer_id = ? AND kind = ?",
                    (author, customer.id, kind),
                )
                touched |= {author, *claimants(transaction, author, customer.id)}
    return touched


def keep(transaction: Transaction, one: Evidence, at: datetime) -> set[str]:
    """Keep a piece of evidence; returns the accounts to decide again, none when it was known."""
    kept = transaction.run(
        "INSERT INTO link_evidence VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (one.author_id, one.customer_id, one.kind, one.declared, one.mention_id, at.isoformat()),
    )
    if not kept:
        return set()
    return {one.author_id, *claimants(transaction, one.author_id, one.customer_id)}


def claimants(transaction: Transaction, author_id: str, customer_id: str) -> dict[str, set[str]]:
    """Other accounts of the platform that claim the customer, with how: "account", "name"."""
    found: dict[str, set[str]] = {}
    for other, kind in transaction.all(
        "SELECT author_id, kind FROM link_evidence"
        " WHERE customer_id = ? AND author_id <> ? AND kind IN ('account', 'name')",
        (customer_id, author_id),
    ):
        if platform_of(other) == platform_of(author_id):
            found.setdefault(other, set()).add(kind)
    return found


def decide(transaction: Transaction, author_id: str, at: datetime) -> Link | None:
    """Bring the links of one account in line with its evidence; returns the link made, if any."""
    linked = linked_now(transaction, author_id)
    if any(link.by != AUTOMATIC for link in linked):
        return None
    candidates: dict[str, dict[str, str | None]] = {}
    for customer, kind, mention in transaction.all(
        "SELECT customer_id, kind, mention_id FROM link_evidence WHERE author_id = ? ORDER BY kind",
        (author_id,),
    ):
        candidates.setdefault(customer, {})[kind] = mention
    rejected = transaction.all(
        "SELECT customer_id FROM links WHERE author_id = ? AND status = 'rejected'", (author_id,)
    )
    rivals = {c: set().union(*claimants(transaction, author_id, c).values()) for c in candidates}
    chosen = choose(candidates, {customer for (customer,) in rejected}, rivals)
    for old in linked:
        if old.customer_id != chosen:
            set_status(transaction, old, "unlinked", AUTOMATIC, at, "the evidence is not clear any more")
    if chosen is None or any(link.customer_id == chosen for link in linked):
        return None
    kinds = candidates[chosen]
    mention_id = next((m for m in kinds.values() if m), None)
    new = Link(
        author_id=author_id,
        customer_id=chosen,
        status="linked",
        evidence="+".join(kinds),
        by=AUTOMATIC,
        at=at,
        mention_id=mention_id,
    )
    write_link(transaction, new)
    return new


def linked_now(transaction: Transaction, author_id: str) -> list[Link]:
    rows = transaction.all(
        f"SELECT {COLUMNS} FROM links WHERE author_id = ? AND status = 'linked'",  # noqa: S608
        (author_id,),
    )
    return [read_link(row) for row in rows]


def find_pair(transaction: Transaction, author_id: str, customer_id: str) -> Link | None:
    """The pair as it stands; a mere proposal reads as "unlinked"."""
    pair = (author_id, customer_id)
    rows = transaction.all(
        f"SELECT {COLUMNS} FROM links WHERE author_id = ? AND customer_id = ?",  # noqa: S608
        pair,
    ) or transaction.all(
        "SELECT author_id, customer_id, 'unlinked', string_agg(kind, '+' ORDER BY kind), ?, max(at), NULL,"
        " max(mention_id) FROM link_evidence WHERE author_id = ? AND customer_id = ?"
        " GROUP BY author_id, customer_id",
        (AUTOMATIC, *pair),
    )
    return read_link(rows[0]) if rows else None


def set_status(transaction: Transaction, old: Link, status: str, by: str, at: datetime, reason: str) -> Link:
    row = (old.author_id, old.customer_id, status, old.evidence, by, at.isoformat(), reason, old.mention_id)
    new = read_link(row)
    write_link(transaction, new)
    return new


def write_link(transaction: Transaction, link: Link) -> None:
    row = (
        link.author_id,
        link.customer_id,
        link.status,
        link.evidence,
        link.by,
        link.at.isoformat(),
        link.reason,
        link.mention_id,
    )
    marks = "VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
    transaction.run(
        f"INSERT INTO links ({COLUMNS}) {marks} ON CONFLICT (author_id, customer_id) DO UPDATE SET"
        " status = excluded.status, evidence = excluded.evidence, by = excluded.by, at = excluded.at,"
        " reason = excluded.reason, mention_id = excluded.mention_id",
        row,
    )
    transaction.run(f"INSERT INTO link_history ({COLUMNS}) {marks}", row)
    now_linked = linked_now(transaction, link.author_id)
    to_mirror(transaction, link.author_id, now_linked[0].customer_id if now_linked else None)


def to_mirror(transaction: Transaction, author_id: str, customer_id: str | None) -> None:
    """Note what the store has to be told of an account."""
    transaction.run(
        "INSERT INTO link_mirror VALUES (?, ?) ON CONFLICT (author_id) DO UPDATE SET"
        " customer_id = excluded.customer_id",
        (author_id, customer_id),
    )


def read_link(row: Row) -> Link:
    author, customer, status, evidence, by, at, reason, mention = row
    return Link(
        author_id=author,
        customer_id=customer,
        status=status,
        evidence=evidence,
        by=by,
        at=datetime.fromisoformat(at),
        reason=reason,
        mention_id=mention,
    )
