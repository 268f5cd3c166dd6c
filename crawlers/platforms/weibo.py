"""Weibo's open API v2 for an account that has authorised us: posts and comments that @ it, comments on its posts.

Options: `lists` (default all three below), `calls_per_day` (default 100: the limit per user and app; polls are
spread so that the day's budget lasts), `refresh` (how many of the latest items are read again at each poll for
edits and counters, default 50), `max_pages` (of the first poll per list, default 5), `base_url`. `token_env`
names the environment variable that holds the access token. Set `brand` when comments on the account's own posts
belong to that brand even if they do not name it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar, NoReturn

from crawlers.connector import FetchPage, Raw
from crawlers.http import Client, Response
from crawlers.markup import text_of
from crawlers.options import Options, brand_of
from crawlers.records import Record
from crawlers.times import CHINA, from_weibo
from index.documents import EPOCH, Author, Engagement, Mention
from index.errors import AuthFailed, MapError, QuotaExhausted, Retry, SourceError, Throttled
from index.settings import Source

LISTS = ("statuses/mentions", "comments/mentions", "comments/to_me")
_COUNT = 200  # the API's largest page
_PERMISSION = frozenset({10004, 10005, 10006, 10007, 10013, 10014, 10017})
_PASSING = frozenset({10001, 10002, 10003, 10009, 10010, 10011})
_HOUR = 3_600.0
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_HASHTAG = re.compile(r"#([^#\n]{1,60})#")
_EMPTY_REPOSTS = frozenset({"转发微博", "轉發微博", "转发", "Repost", "repost"})
_UNUSED = (
    "mid", "idstr", "id", "source", "favorited", "in_reply_to_status_id", "in_reply_to_user_id",
    "in_reply_to_screen_name", "thumbnail_pic", "bmiddle_pic", "original_pic", "geo", "visible", "annotations",
    "textLength", "source_allowclick", "source_type", "floor_number", "rootid", "rootidstr", "can_edit",
    "pic_num", "pic_ids", "mblogtype", "hide_flag", "mlevel", "biz_feature", "hasActionTypeCard", "darwin_tags",
    "hot_weibo_tags", "text_tag_tips", "userType", "more_info_type", "positive_recom_flag", "content_auth",
    "gif_ids", "is_show_bulletin", "comment_manage_info", "pending_approval_count", "reads_count", "cardid",
    "isLongText", "truncated", "text", "longText", "picStatus", "edit_count", "edit_at", "disable_reply", "mark",
)  # fmt: skip
_UNUSED_USER = (
    "id", "name", "province", "city", "description", "url", "profile_image_url", "profile_url", "domain", "weihao",
    "gender", "friends_count", "statuses_count", "favourites_count", "created_at", "following", "allow_all_act_msg",
    "geo_enabled", "verified_type", "verified_reason", "remark", "status", "allow_all_comment", "avatar_large",
    "avatar_hd", "follow_me", "online_status", "bi_followers_count", "lang", "class", "cover_image_phone",
    "pagefriends_count", "ptype", "star", "mbtype", "mbrank", "block_word", "block_app", "credit_score", "urank",
    "user_ability", "insecurity", "vclub_member", "bi_followers", "story_read_state", "like", "like_me", "idstr",
)  # fmt: skip


class Weibo:
    """Each list is walked from its newest item down to where the last walk began (`max_id`, then `since_id`)."""

    platform: ClassVar[str] = "weibo"

    def __init__(
        self, source: Source, http: Client, secret: str | None, *, clock: Callable[[], float] = time.time
    ) -> None:
        options = Options(source, {"lists", "calls_per_day", "refresh", "max_pages", "base_url"})
        if not secret:
            raise options.wrong("token_env", "must name an environment variable that holds the access token")
        self._lists = options.texts("lists", LISTS)
        if unknown := sorted(set(self._lists) - set(LISTS)):
            raise options.wrong("lists", f"knows {', '.join(LISTS)}, not {unknown[0]!r}")
        self._base = options.address("base_url", "https://api.weibo.com")
        self._budget = options.get("calls_per_day", int, 100)
        self._refresh = options.get("refresh", int, 50)
        self._max_pages = options.get("max_pages", int, 5)
        self._source, self._http, self._token, self._clock = source, http, secret, clock
        self._calls: dict[str, Any] = {}
        http.trust(self._base)

    async def fetch(self, cursor: Raw) -> FetchPage:
        """One page of one list. Cursor: {"since": {list: id}, "walk": {...} while under way, "calls": {...}}."""
        since: dict[str, int] = dict(cursor.get("since", {}))
        walk = cursor.get("walk") or {"list": self._lists[0], "max": None, "top": [], "pages": 0}
        name = walk["list"] if walk["list"] in self._lists else self._lists[0]
        self._spend(cursor.get("calls", {}))
        rows = await self._page(name, since.get(name, 0), walk["max"])
        ids = sorted((int(key) for row in rows if (key := _native(row))), reverse=True)
        kind = "status" if name.startswith("statuses") else "comment"
        items: list[Raw] = [{"kind": kind, "item": row} for row in rows if _native(row) != str(walk["max"])]
        top = walk["top"] or ids[: self._refresh]
        far_enough = not since.get(name) and walk["pages"] + 1 >= self._max_pages
        if items and ids and len(rows) >= _COUNT // 2 and not far_enough:
            step = {"list": name, "max": ids[-1], "top": top, "pages": walk["pages"] + 1}
            return self._answer(items, {"since": since, "walk": step}, more=True)
        if top:
            since[name] = top[-1] - 1
        following = self._lists.index(name) + 1
        if following < len(self._lists):
            step = {"list": self._lists[following], "max": None, "top": [], "pages": 0}
            return self._answer(items, {"since": since, "walk": step}, more=True)
        return self._answer(items, {"since": since}, more=False)

    def _answer(self, items: list[Raw], cursor: Raw, *, more: bool) -> FetchPage:
        """The page; after the last one, a pause in which the day's budget grows by one round of calls."""
        pause = 86_400.0 * len(self._lists) / max(self._budget, 1)
        return FetchPage(items=items, cursor={**cursor, "calls": self._calls}, more=more, wait=pause)

    def _spend(self, spent: dict[str, Any]) -> None:
        """Count one call of today (in China). Raises QuotaExhausted until midnight when the budget is spent."""
        now = datetime.fromtimestamp(self._clock(), CHINA)
        today = now.date().isoformat()
        used = max((c["n"] for c in (spent, self._calls) if c.get("day") == today), default=0)
        if used >= self._budget:
            midnight = datetime.combine(now.date() + timedelta(days=1), datetime.min.time(), CHINA)
            raise QuotaExhausted(
                f"The day's {self._budget} calls are spent; going on at midnight in China. Option: calls_per_day.",
                (midnight - now).total_seconds(),
            )
        self._calls = {"day": today, "n": used + 1}

    async def _page(self, name: str, since: int, until: int | None) -> list[Any]:
        params: dict[str, str | int] = {"access_token": self._token, "count": _COUNT}
        params |= {"since_id": since} if since else {}
        params |= {"max_id": until} if until else {}
        address = f"{self._base}/2/{name}.json"
        response = await self._http.get(address, params=params, answers={400, 401, 403})
        rows = _body(response).get(name.partition("/")[0])
        if not isinstance(rows, list):
            raise Retry(f"Weibo answered {name} without a list.")
        return rows

    def map(self, raw: Raw) -> Sequence[Mention]:
        """A post or a comment; an empty repost and what has no author any more say nothing."""
        outer = Record(raw, "raw")
        kind, item = outer.need("kind"), outer.record("item")
        if item is None:
            raise MapError("raw has no item.")
        key = item.need_key("idstr", "mid", "id")
        if item.key("deleted") in ("1", "true"):
            return [_gone(key, self._source.name)]
        user, text = item.record("user"), _text(item)
        if user is None or text in _EMPTY_REPOSTS or not text:
            return []
        about = _comment(item) if kind == "comment" else _status(item, key, user.key("idstr"))
        created, author = item.need("created_at"), _author(user)
        item.rest(f"weibo {kind}", *_UNUSED)
        return [
            Mention(
                id=f"weibo:{key}",
                platform=self.platform,
                source=self._source.name,
                text=text,
                published_at=from_weibo(created),
                author=author,
                hashtags=tuple(dict.fromkeys(tag.strip() for tag in _HASHTAG.findall(text) if tag.strip())),
                brands=brand_of(self._source),
                **about,
            )
        ]


def _status(item: Record, key: str, user_key: str | None) -> dict[str, Any]:
    original = item.record("retweeted_status")
    region = item.text("region_name")
    pictures = [each.text("thumbnail_pic") or "" for each in item.records("pic_urls")]
    whole = item.flag("isLongText") is not True and item.flag("truncated") is not True
    return {
        "kind": "post",
        "url": f"https://weibo.com/{user_key}/{bid(key)}" if user_key and key.isdigit() else None,
        "engagement": Engagement(
            likes=item.count("attitudes_count"),
            comments=item.count("comments_count"),
            shares=item.count("reposts_count"),
        ),
        "parent_id": f"weibo:{original.need_key('idstr', 'mid', 'id')}" if original else None,
        "region": region.removeprefix("发布于").strip() or None if region else None,
        "media": tuple(url.replace("/thumbnail/", "/large/") for url in pictures if url),
        "flags": () if whole or item.record("longText") else ("cut",),
    }


def _comment(item: Record) -> dict[str, Any]:
    status, answered = item.record("status"), item.record("reply_comment")
    thread = status.need_key("idstr", "mid", "id") if status else None
    parent = answered.key("id") if answered else None
    place = item.text("source") or ""
    return {
        "kind": "comment",
        "url": f"https://m.weibo.cn/detail/{thread}" if thread else None,
        "engagement": Engagement(likes=item.count("like_count")),
        "parent_id": f"weibo:{parent or thread}" if parent or thread else None,
        "thread_id": f"weibo:{thread}" if thread else None,
        "region": place.removeprefix("来自") or None if place.startswith("来自") else None,
    }


def bid(mid: str) -> str:
    """The short id in a post's address: base 62 of groups of 7 digits, from the right.

    Source: observed (nghuyong/WeiboSpider).
    """
    groups = []
    for end in range(len(mid), 0, -7):
        number, digits = int(mid[max(end - 7, 0) : end]), ""
        while number:
            number, rest = divmod(number, 62)
            digits = _DIGITS[rest] + digits
        groups.append(digits.rjust(4, "0") if end > 7 else digits)
    return "".join(reversed(groups))


def _native(row: Any) -> str | None:
    """The numeric id of a row as text; None when it has none (its map will say so)."""
    key = (row.get("idstr") or row.get("id") or row.get("mid")) if isinstance(row, dict) else None
    text = str(key) if isinstance(key, (int, str)) and not isinstance(key, bool) else ""
    return text if text.isascii() and text.isdigit() and len(text) < 20 else None


def _text(item: Record) -> str:
    long = item.record("longText")
    return text_of((long.text("longTextContent") if long else None) or item.text("text") or "")


def _gone(key: str, source: str) -> Mention:
    """Deleted at the source: to be deleted here."""
    return Mention(id=f"weibo:{key}", platform="weibo", source=source, text="", published_at=EPOCH, deleted=True)


def _author(user: Record) -> Author:
    key = user.need_key("idstr", "id")
    name = user.text("screen_name") or user.text("name")
    author = Author(
        id=f"weibo:{key}",
        name=name,
        handle=name,
        url=f"https://weibo.com/u/{key}",
        followers=user.count("followers_count"),
        verified=user.flag("verified"),
        region=user.text("location"),
    )
    user.rest("weibo user", *_UNUSED_USER)
    return author


def _body(response: Response) -> dict[str, Any]:
    """The answer when it is data; `error_code` may be a number or text, and come with status 200."""
    body = response.json()
    if not isinstance(body, dict):
        raise Retry("Weibo answered with something that is not an object.")
    code = str(body.get("error_code") or "")
    if code:
        _fail(int(code) if code.isdigit() else 0, str(body.get("error"))[:200])
    if response.status >= 400:
        raise SourceError(f"Weibo answered {response.status} without an error code.")
    return body


def _fail(code: int, text: str) -> NoReturn:
    """The platform's error codes (open.weibo.com, wiki/Error_code) as ours."""
    message = f"Weibo error {code}: {text}"
    if code == 10022:
        raise Throttled(f"{message} (requests of this IP address)", _HOUR)
    if code in (10023, 10024):
        # When the day's limit is reset is not documented: asking once an hour finds out.
        raise QuotaExhausted(f"{message} (requests of this user)", _HOUR)
    if 21300 <= code < 21400:
        raise AuthFailed(f"{message}. The access token is invalid or has expired: authorise the app again.")
    if code in _PERMISSION:
        raise AuthFailed(f"{message}. The app lacks the permission for this call.")
    if code in _PASSING:
        raise Retry(message)
    raise SourceError(message)
