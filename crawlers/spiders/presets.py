"""Where the common forum engines put things: CSS selectors as Scrapy reads them (`::text`, `::attr()`).

Themes vary; a source's option `selectors` replaces single entries. Alternatives are tried in order, divided by
" | " (a comma would mean whichever comes first on the page). `topic` is a row of a board page, and
`topic_*` are looked up inside it; `post` is a post of a topic page, and `post_*` are looked up inside it.
"""

from __future__ import annotations

Preset = dict[str, str]

PRESETS: dict[str, Preset] = {
    "phpbb": {
        "topic": "ul.topics li.row, table.forumline tr:has(a.topictitle)",
        "topic_link": "a.topictitle::attr(href)",
        "topic_mark": ".lastpost time::attr(datetime) | .lastpost ::text | .posts::text",
        "topic_number": r"[?&]t=(\d+)",
        "board_next": ".pagination li.next a::attr(href) | .pagination a[rel=next]::attr(href)",
        "title": "h2.topic-title a::text | h2.topic-title::text | h2 a::text",
        "post": "div.post[id^=p]",
        "post_number": r"^p(\d+)$",
        "post_author": ".author .username::text | .author .username-coloured::text | .postprofile a::text",
        "post_author_link": ".author a[class^=username]::attr(href)",
        "post_author_number": r"[?&]u=(\d+)",
        "post_body": "div.content",
        "post_time": "p.author time::attr(datetime)",
        "topic_next": ".pagination li.next a::attr(href) | .pagination a[rel=next]::attr(href)",
    },
    "discuz": {
        "topic": "tbody[id^=normalthread_], tbody[id^=stickthread_]",
        "topic_link": "a.xst::attr(href)",
        "topic_mark": "td.by:last-of-type em ::text | td.num a::text",
        "topic_number": r"(?:thread-|[?&]tid=)(\d+)",
        "board_next": "a.nxt::attr(href)",
        "title": "#thread_subject::text",
        "post": "div[id^=post_]:has(td[id^=postmessage_])",
        "post_number": r"^post_(\d+)$",
        "post_author": ".authi a.xw1::text",
        "post_author_link": ".authi a.xw1::attr(href)",
        "post_author_number": r"(?:uid-|[?&]uid=)(\d+)",
        "post_body": "td[id^=postmessage_]",
        "post_time": "em[id^=authorposton] span::attr(title) | em[id^=authorposton]::text",
        "topic_next": "a.nxt::attr(href)",
    },
    "xenforo": {
        "topic": ".structItem--thread",
        "topic_link": ".structItem-title a[data-tp-primary]::attr(href) | .structItem-title a::attr(href)",
        "topic_mark": "time.structItem-latestDate::attr(datetime)",
        "topic_number": r"threads/(?:[^/]*\.)?(\d+)",
        "board_next": "a.pageNav-jump--next::attr(href)",
        "title": "h1.p-title-value::text",
        "post": "article.message[data-author][data-content]",
        "post_number": r"^post-(\d+)$",
        "post_author": "::attr(data-author)",
        "post_author_link": ".message-name a::attr(href)",
        "post_author_number": r"members/(?:[^/]*\.)?(\d+)",
        "post_body": ".message-body .bbWrapper",
        "post_time": ".message-attribution time::attr(datetime) | time::attr(datetime)",
        "topic_next": "a.pageNav-jump--next::attr(href)",
    },
}

ALTERNATIVE = " | "
ENTRIES = frozenset(PRESETS["phpbb"])
EXPRESSIONS = frozenset({"topic_number", "post_number", "post_author_number"})  # regular expressions, one group
