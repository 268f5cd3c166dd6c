"""Errors a user or an operator can do something about. Bugs are not wrapped: they surface as they are.

EarshotError
├── SettingsError        earshot.toml or the environment is wrong
├── QueryError           the search box cannot be read; carries the position
├── ImportFileError      an uploaded file cannot be read as a whole; carries a code such as E_NO_HEADER
├── MapError             one raw item cannot become a Mention: goes to quarantine with this reason
├── SourceError          a platform answered with something other than data
│   ├── Retry            network, 5xx: try again soon
│   ├── Throttled        too fast: wait `seconds`
│   ├── QuotaExhausted   budget spent: wait until `seconds` from now
│   ├── AuthFailed       token invalid or expired: a person must act
│   └── Blocked          captcha, login page, HTML where JSON is due: stop, a person must act
├── StoreError           the store cannot be used (locked, full, not a database)
├── Rejected             the store refuses single mentions; carries the reasons, the others are saved
├── InboxError           the inbox cannot be used
│   └── InboxFull        no room for more: wait until the workers have made some
├── ModelError           a model folder cannot be loaded or its labels cannot be understood
├── Conflict             somebody else changed it meanwhile, or its state does not allow this step
└── NotFound             an id that does not exist
"""

from __future__ import annotations


class EarshotError(Exception):
    """Base of all errors that carry a message for people: what is wrong and what to do."""


class SettingsError(EarshotError):
    """earshot.toml or the environment is wrong."""


class QueryError(EarshotError):
    """The search box cannot be read. `position` is the 0-based character where it went wrong."""

    def __init__(self, message: str, query: str, position: int) -> None:
        super().__init__(message)
        self.query = query
        self.position = position

    def pointer(self) -> str:
        """Two lines: the query, and a caret under the bad character."""
        return f"{self.query}\n{' ' * self.position}^"


class ImportFileError(EarshotError):
    """An uploaded file cannot be read. `code` is one of the E_ codes of the import documentation."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class MapError(EarshotError):
    """One raw item cannot become a Mention. The item goes to quarantine with this reason."""


class SourceError(EarshotError):
    """A source answered with something other than data."""


class Retry(SourceError):
    """A passing fault: network, 5xx, cut connection."""


class Throttled(SourceError):
    """Too many requests. Wait `seconds`."""

    def __init__(self, message: str, seconds: float) -> None:
        super().__init__(message)
        self.seconds = seconds


class QuotaExhausted(Throttled):
    """The budget of the period is spent. Wait `seconds` until it resets."""


class AuthFailed(SourceError):
    """The token or key is invalid or expired; a person must renew it."""


class Blocked(SourceError):
    """The site refuses machines (captcha, login page, HTML where JSON is due); a person must act."""


class StoreError(EarshotError):
    """The store cannot be used."""


class Rejected(EarshotError):
    """The store refuses some mentions of a batch; all others are saved. `reasons` by id of the mention."""

    def __init__(self, reasons: dict[str, str]) -> None:
        name, reason = next(iter(reasons.items()))
        more = f" (and {len(reasons) - 1} more)" if len(reasons) > 1 else ""
        super().__init__(f"The store refuses {name}{more}: {reason}")
        self.reasons = reasons


class InboxError(EarshotError):
    """The inbox cannot be used."""


class InboxFull(InboxError):
    """No room for more, and nothing of this call was taken. Wait until the workers have made some."""


class ModelError(EarshotError):
    """A model folder cannot be loaded, or its labels cannot be mapped to negative, neutral, positive."""


class Conflict(EarshotError):
    """Somebody else changed it meanwhile, or its state does not allow this step. Look again, then decide."""


class NotFound(EarshotError):
    """Nothing has this id."""
