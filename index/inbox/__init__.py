"""The durable queue between gathering and understanding; protocol.py says what it promises.

To add an inbox: one file here, named after its URL scheme, with `connect(settings) -> Inbox`; then an entry in
INBOXES of tests/fixtures/inboxes.py.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

from index.errors import SettingsError
from index.inbox.protocol import Inbox
from index.settings import Settings

ENCRYPTED = {"rediss": "redis"}  # the same file for the same server over TLS


def open_inbox(settings: Settings) -> Inbox:
    """The inbox of `settings.inbox`, chosen by its scheme such as "sqlite:inbox.sqlite".

    Raises SettingsError when no file here has that name, InboxError when the inbox cannot be used.
    """
    scheme = settings.inbox.partition(":")[0]
    name = ENCRYPTED.get(scheme, scheme)
    known = name.isidentifier() and find_spec(f"{__name__}.{name}")
    try:
        connect = getattr(import_module(f"{__name__}.{name}"), "connect", None) if known else None
    except ImportError as error:
        raise SettingsError(f"an inbox in Redis needs: pip install 'earshot[cluster]' ({error})") from error
    if connect is None:
        raise SettingsError(
            f"inbox = {scheme!r}...: there is no inbox of that kind. Write sqlite:inbox.sqlite, or "
            "redis://HOST:6379/0 for many machines."
        )
    inbox: Inbox = connect(settings)
    return inbox
