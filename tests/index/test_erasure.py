"""An erased account is gone from every file and does not come back."""

from __future__ import annotations

from index import audit
from index.alerts.cases import Cases
from index.alerts.engine import AlertEngine
from index.crm.linking import Linker
from index.documents import Author
from index.erasure import erase_author
from index.inbox import open_inbox
from index.inbox.protocol import Item


def test_an_erased_account_is_gone_everywhere_and_stays_gone(say, settings, store, records, now):
    inbox = open_inbox(settings)
    linker, engine, cases = Linker(settings, store, records), AlertEngine(settings, store, records), Cases(settings)
    author = Author(id="weibo:7", name="无双小鹿同学")
    record, waiting = (
        say("1", by=author, aspects={"taste": "negative"}, intents=("complaint",)),
        say("2", by=author),
    )
    store.save([record])
    linker.observe([record], {"weibo:1": [("phone", "+8613800138000")]})
    assert len(engine.consider([record], now)) == 1
    inbox.put([Item(mention=waiting.mention)])

    assert erase_author(store, [inbox], linker, "weibo:7", by="Li", reason="asked for it") == 2
    assert store.save([waiting]) == ["erased"]
    assert inbox.depth() == 0
    assert cases.list() == []
    assert [(entry.what, entry.subject) for entry in audit.entries(records)] == [("author.erase", "weibo:7")]
    assert erase_author(store, [inbox], linker, "weibo:7", by="Li", reason="again") == 0
    for part in (inbox, store, cases.records, records):
        part.close()
    for file in settings.home.glob("*.sqlite*"):
        assert "无双小鹿同学".encode() not in file.read_bytes(), file
