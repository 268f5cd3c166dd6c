"""What the posts about one brand say of each other: bursts, copies, and the same words from many accounts.

Pure, for every store: the facts about authors (Store.author_facts) are made of it.
"""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Container, Hashable, Iterable, Iterator, Sequence
from datetime import timedelta
from statistics import median
from typing import NamedTuple

from index.documents import EPOCH, Author, AuthorFacts
from index.stores.days import SECOND, Days

EXPERIENCE = {"praise", "complaint"}
ADVERTISEMENT = "advertisement"
BURST_POSTS = 5
BURST_WINDOW = 600 * SECOND
# Three accounts do not write the same long text within a day by chance: they share it, or somebody pays for it.
COORDINATED_AUTHORS = 3
COORDINATED_WINDOW = 86_400 * SECOND
_CLUSTER_KEY = re.compile("[0-9a-f]{1,15}")


class Post(NamedTuple):
    """What is asked of a post. `ts` in microseconds since 1970; `fingerprint` is equal for equal texts."""

    author: Hashable | None
    ts: int
    sentiment: str
    spam: bool
    experience: bool
    engagement: int | None
    fingerprint: Hashable
    cluster: Hashable | None


def is_experience(intents: Iterable[str], aspects: Iterable[object], *, spam: bool) -> bool:
    """Praise, complaint or an aspect, and neither spam nor advertisement."""
    intents = set(intents)
    if spam or ADVERTISEMENT in intents:
        return False
    return bool(intents & EXPERIENCE) or any(True for _ in aspects)


def facts(
    author: Author, customer: str | None, brand: str, posts: Sequence[Post], copies: Copies, days: Days
) -> AuthorFacts:
    """What one author did: `posts` are theirs about the brand, at least one."""
    known = [post.engagement for post in posts if post.engagement is not None]
    sentiments = Counter(post.sentiment for post in posts)
    times = sorted(post.ts for post in posts)
    return AuthorFacts(
        author=author,
        brand=brand,
        posts=len(posts),
        active_days=len({days.day(ts) for ts in times}),
        first_at=EPOCH + timedelta(microseconds=times[0]),
        last_at=EPOCH + timedelta(microseconds=times[-1]),
        engagement=float(median(known)) if known else None,
        experience_posts=sum(post.experience for post in posts),
        spam_posts=sum(post.spam for post in posts),
        duplicate_posts=sum(map(copies.is_copy, posts)),
        coordinated_posts=sum(map(copies.is_coordinated, posts)),
        burst_posts=burst_posts(times),
        negative=sentiments["negative"],
        neutral=sentiments["neutral"],
        positive=sentiments["positive"],
        customer_id=customer,
    )


def burst_posts(times: Sequence[int]) -> int:
    """How many of these moments (microseconds, sorted) lie in a window of 10 minutes with more than 5."""
    inside: set[int] = set()
    start = 0
    for end, moment in enumerate(times):
        while moment - times[start] > BURST_WINDOW:
            start += 1
        if end - start + 1 > BURST_POSTS:
            inside.update(range(start, end + 1))
    return len(inside)


class Copies(NamedTuple):
    """Which posts of a brand repeat others, and which of these look organised."""

    repeated: Container[Hashable]  # fingerprints that more than one post has
    organised: Container[tuple[Hashable | None, int]]  # clusters with the moments of posts `together` in them

    def is_copy(self, post: Post) -> bool:
        """Whether another post has its text. Nearly its text is no sign by itself: people quote."""
        return post.fingerprint in self.repeated

    def is_coordinated(self, post: Post) -> bool:
        """Whether at least 3 accounts posted in its cluster within 24 hours, this post among them."""
        return (post.cluster, post.ts) in self.organised


def together(members: Iterable[tuple[Hashable | None, int]]) -> Iterator[int]:
    """The moments of those posts (account, moment; in order of time) of a cluster that lie in a window of 24 hours
    with posts of 3 accounts or more. Holds no more than a window."""
    window: deque[tuple[Hashable | None, int]] = deque()
    untold: deque[int] = deque()  # the end of the window
    accounts: Counter[Hashable | None] = Counter()
    for account, moment in members:
        window.append((account, moment))
        untold.append(moment)
        accounts[account] += 1
        while moment - window[0][1] > COORDINATED_WINDOW:
            if len(untold) == len(window):
                untold.popleft()
            _leave(accounts, window.popleft()[0])
        if len(accounts) - (None in accounts) >= COORDINATED_AUTHORS:
            yield from untold
            untold.clear()


def _leave(accounts: Counter[Hashable | None], account: Hashable | None) -> None:
    accounts[account] -= 1
    if not accounts[account]:
        del accounts[account]


def cluster_number(key: str) -> int:
    """A key of near-duplicates as a number; -1, which nothing has, for what is no key."""
    return int(key, 16) if _CLUSTER_KEY.fullmatch(key) else -1


def cluster_key(number: int) -> str:
    return f"{number:015x}"
