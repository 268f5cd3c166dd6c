"""Why an account may be a customer's: a contact in its own text, or a handle the customer declared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from index.crm.contacts import Contacts
from index.documents import Author, Customer, Document, Record
from index.records.protocol import Reader, Row
from index.stores.protocol import Store

CONTACT_KINDS = frozenset({"phone", "email"})
# Display names so many people share that they tell nothing; "momo" is a known disguise on Xiaohongshu.
SHARED_NAMES = frozenset({"momo", "匿名用户", "匿名", "微信用户", "用户", "anonymous", "[deleted]", "deleted"})
ContactsByMention = Mapping[str, Sequence[tuple[str, str]]]


class Evidence(Document, frozen=True, kw_only=True):
    """One reason why an account may be a customer's."""

    author_id: str
    customer_id: str
    kind: str
    declared: str | None = None
    mention_id: str | None = None


def posted_contacts(spoken: Sequence[Record], posted: ContactsByMention, contacts: Contacts) -> list[Row]:
    """(hash, author id, mention id) of contacts in own texts; an article speaks of others."""
    found = []
    for record in spoken:
        mention = record.mention
        if mention.kind == "article" or mention.author is None:
            continue
        for kind, value in posted.get(mention.id, ()):
            if kind in CONTACT_KINDS and (hashed := contacts.hash(kind, value)):
                found.append((hashed, mention.author.id, mention.id))
    return found


def seen_contacts(records: Reader, customers: Sequence[Customer]) -> list[Row]:
    """(hash, author id, mention id) of contacts of these customers that were posted earlier."""
    hashes = [h for c in customers for h in (c.phone_hash, c.email_hash) if h]
    return records.all(
        "SELECT hash, author_id, mention_id FROM contacts_seen"
        " WHERE hash IN (SELECT value FROM json_each(?)) ORDER BY hash, author_id",
        (hashes,),
    )


def by_contact(records: Reader, seen: Sequence[Row]) -> list[Evidence]:
    """Customers whose phone or e-mail hash is among `seen`."""
    if not seen:
        return []
    hashes = sorted({row[0] for row in seen})
    owners: dict[str, list[tuple[str, str]]] = {}
    for kind in sorted(CONTACT_KINDS):
        for hashed, customer in records.all(
            f"SELECT {kind}_hash, id FROM customers"  # noqa: S608 - a constant
            f" WHERE {kind}_hash IN (SELECT value FROM json_each(?))",
            (hashes,),
        ):
            owners.setdefault(hashed, []).append((kind, customer))
    return [
        Evidence(author_id=author, customer_id=customer, kind=kind, mention_id=mention)
        for hashed, author, mention in seen
        for kind, customer in owners.get(hashed, ())
    ]


def by_handle(records: Reader, spoken: Sequence[Record]) -> list[Evidence]:
    """Accounts whose id, handle or name a customer declared, asked once for each platform of the batch."""
    named: dict[str, dict[str, dict[str, tuple[str, str]]]] = {}
    for record in spoken:
        mention = record.mention
        if mention.author is not None:
            names = named.setdefault(platform_of(mention.author.id), {})
            for name, kind in _names(mention.author).items():
                names.setdefault(name, {})[mention.author.id] = (kind, mention.id)
    return [
        Evidence(author_id=author, customer_id=customer, kind=kind, declared=name, mention_id=mention_id)
        for platform, names in named.items()
        for name, customer in records.all(
            "SELECT handle, customer_id FROM customer_handles"
            " WHERE platform = ? AND handle IN (SELECT value FROM json_each(?))",
            (platform, list(names)),
        )
        for author, (kind, mention_id) in names[name].items()
    ]


def by_declared(store: Store, customers: Sequence[Customer]) -> list[Evidence]:
    """Accounts in the store that these customers declared."""
    declared: dict[str, dict[str, list[str]]] = {}
    for customer in customers:
        for platform, name in customer.handles.items():
            declared.setdefault(platform, {}).setdefault(name, []).append(customer.id)
    return [
        Evidence(author_id=author.id, customer_id=customer, kind=kind, declared=name)
        for platform, owners in declared.items()
        for author in store.find_authors(platform, list(owners))
        for name, kind in _names(author).items()
        for customer in owners.get(name, ())
    ]


def platform_of(author_id: str) -> str:
    return author_id.partition(":")[0]


def clean_handle(value: str) -> str | None:
    """A declared handle without the leading @; None when it names nobody in particular."""
    name = value.strip().removeprefix("@").strip()
    masked = "*" in name
    return None if len(name) < 2 or masked or name.lower() in SHARED_NAMES else name


def _names(author: Author) -> dict[str, str]:
    """name -> kind of evidence. Ids and handles are unique on a platform, display names are not."""
    found: dict[str, str] = {}
    if author.name and (name := clean_handle(author.name)):
        found[name] = "name"
    if author.handle and (handle := clean_handle(author.handle)):
        found[handle] = "account"
    found[author.id.partition(":")[2]] = "account"
    return found
