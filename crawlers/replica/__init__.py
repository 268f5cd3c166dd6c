"""A local replica of the sites that Earshot reads, for `earshot demo` and for the tests of the connectors.

It serves a list of posts over real HTTP as Weibo's API v2, Hacker News' Algolia search, a Discourse forum, a
plain HTML forum, and a news site with feeds and articles. Posts can be added while it runs, and each path
can be told to fail the way real sites do.

    replica = Replica(posts, port=0).start()
    replica.url               "http://127.0.0.1:40123"
    replica.sources()         the [[sources]] entries that read it
    replica.add(post)         a new post; a known id is an edit
    replica.fault("/2/", Fault.throttled(1), times=2)
    replica.stop()
"""

from crawlers.replica.faults import Fault
from crawlers.replica.posts import Author, Post
from crawlers.replica.server import Replica

__all__ = ["Author", "Fault", "Post", "Replica"]
