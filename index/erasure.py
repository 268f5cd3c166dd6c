"""Erasing an account wherever something is kept about it. A customer is erased by `Customers.erase`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from index.alerts.casebook import forget_author
from index.audit import record_act
from index.crm.linking import Linker
from index.inbox.protocol import Inbox
from index.stores.protocol import Store


def erase_author(
    store: Store, inboxes: Sequence[Inbox], linker: Linker, author_id: str, *, by: str, reason: str
) -> int:
    """Remove an account, what it said, its links and its cases, unrecoverably; returns how many mentions.

    The store comes first: from then on nothing of the account is taken in again. Run it again after a crash,
    or to be sure of a batch that a worker had in hand; a repeat removes what is left.
    """
    removed = store.erase_author(author_id) + sum(inbox.erase_author(author_id) for inbox in inboxes)
    linker.forget_author(author_id)
    with linker.records.write() as transaction:
        forget_author(transaction, author_id)
        record_act(transaction, datetime.now(UTC), who=by, what="author.erase", subject=author_id, why=reason)
    linker.records.scrub()
    return removed
