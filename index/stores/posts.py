"""What the posts about one brand say of each other: bursts, copies, and the same words from many accounts.

Pure, for every store: the facts about authors (Store.author_facts) are made of it.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence
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


class Copies:
    """Which posts of a brand repeat others, and which of these look organised."""

    def __init__(self, posts: Iterable[Post]) -> None:
        clusters: defaultdict[Hashable, list[Post]] = defaultdict(list)
        self._texts: Counter[Hashable] = Counter()
        for post in posts:
            self._texts[post.fingerprint] += 1
            if post.cluster is not None:
                clusters[post.cluster].append(post)
        self._organised = {
            (cluster, moment) for cluster, members in clusters.items() for moment in _together(members)
        }

    def is_copy(self, post: Post) -> bool:
        """Whether another post has its text. Nearly its text is no sign by itself: people quote."""
        return self._texts[post.fingerprint] > 1

    def is_coordinated(self, post: Post) -> bool:
        """Whether at least 3 accounts posted in its cluster within 24 hours, this post among them."""
        return (post.cluster, post.ts) in self._organised


def _together(posts: list[Post]) -> set[int]:
    """The moments of those posts that lie in a window of 24 hours with posts of 3 accounts or more."""
    if len(posts) < COORDINATED_AUTHORS:
        return set()
    posts = sorted(posts, key=lambda post: post.ts)
    found: set[int] = set()
    window: Counter[Hashable] = Counter()
    start = marked = 0
    for end, post in enumerate(posts):
        window[post.author] += 1
        while post.ts - posts[start].ts > COORDINATED_WINDOW:
            window[posts[start].author] -= 1
            if not window[posts[start].author]:
                del window[posts[start].author]
            start += 1
        if len(window) - (None in window) >= COORDINATED_AUTHORS:
            found.update(each.ts for each in posts[max(start, marked) : end + 1])
            marked = end + 1
    return found


def cluster_number(key: str) -> int:
    """A key of near-duplicates as a number; -1, which nothing has, for what is no key."""
    return int(key, 16) if _CLUSTER_KEY.fullmatch(key) else -1


def cluster_key(number: int) -> str:
    return f"{number:015x}"
