"""What makes two rows of exports one mention, where they carry no id: the link, or what was said when by whom."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from crawlers.imports.columns import vocabulary
from crawlers.imports.values import weibo_mid
from index.documents import TIME_UNKNOWN, Author, Kind

ANSWERS = {"comment", "review"}  # many have one and the same link: that of what they speak of
OWN_LINKS = {"评论链接", "評論連結", "评价链接", "reviewurl", "permalink"}  # but not in these columns
TRACKING = re.compile(
    r"utm_.*|spm|from|share_.*|xsec_.*|source|scene|wfr|isappinstalled|timestamp|sign|_t|refer_flag"
)


def canonical(url: str | None, kind: Kind = "post") -> str | None:
    """The address without what changes from share to share: tracking parameters, scheme, `www.`; and the fragment,
    unless it is the place of a comment on the page, or of a post in a site that is one page ("#/post/7")."""
    if url is None:
        return None
    parts = urlsplit(url)
    place = parts.fragment if kind in ANSWERS or parts.fragment.startswith(("/", "!")) else ""
    query = urlencode([(k, v) for k, v in parse_qsl(parts.query) if not TRACKING.fullmatch(k)])
    return urlunsplit(("", (parts.hostname or "").removeprefix("www."), parts.path.rstrip("/"), query, place))[2:]


def id_in_url(url: str | None, platform: str) -> str | None:
    """The native id a link of this platform carries."""
    pattern = vocabulary().id_in_url.get(platform)
    found = pattern.search(url) if pattern and url else None
    if not found:
        return None
    code = found[1]
    return weibo_mid(code) if platform == "weibo" and not code.isdigit() else code


def fingerprint(
    platform: str,
    author: Author | None,
    published: dt.datetime,
    text: str,
    flags: list[str],
    url: str | None,
) -> str:
    """What tells a row without an id or link of its own from others. A time the file does not hold is left out:
    touching the file must not make every row new. Without an author the whole text counts, not only its start."""
    time = "" if TIME_UNKNOWN in flags else published.isoformat()
    parts = [platform, author.id if author else "", time, text[:200] if author else text]
    if where := canonical(url):
        parts.append(where)
    return hashlib.sha1("|".join(parts).encode("utf-8", "replace"), usedforsecurity=False).hexdigest()
