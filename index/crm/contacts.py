"""Phone numbers and e-mail addresses: keyed hashes to match, encrypted text to show, masks for pages.

The key is EARSHOT_KEY, or `home`/.key, made on first use. Hashes are HMAC-SHA256 (RFC 2104) because phone
numbers are few enough to try them all against a plain hash. Encryption is Fernet. Both keys are derived
from the one key by HKDF (RFC 5869), so neither tells the other.
"""

from __future__ import annotations

import base64
import hmac
import json
import os
import re
import secrets
import unicodedata
from hashlib import sha256
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from index import settings as settings_file
from index.errors import SettingsError
from index.records.protocol import Records

KEY_NAME = "EARSHOT_KEY"
KEY_FILE = ".key"
SHORTEST_KEY = 16  # characters; below that the key itself could be guessed
_HASHED_OTHERWISE = (
    "SELECT 1 FROM contact_key WHERE fingerprint <> ? AND (EXISTS (SELECT 1 FROM customers)"
    " OR EXISTS (SELECT 1 FROM contacts_seen) OR EXISTS (SELECT 1 FROM customers_erased))"
)
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s.]+(\.[^@\s.]+)+")


class Contacts:
    """Hashes, encrypts and masks contact data with one key."""

    def __init__(self, key: str) -> None:
        self._hash_key = _derive(key, b"earshot contact hash")
        self._cipher = Fernet(base64.urlsafe_b64encode(_derive(key, b"earshot contact display")))

    def hash(self, kind: str, value: str) -> str | None:
        """Keyed hash (64 hex characters) of a "phone" or "email"; None when the value is not one."""
        plain = normalise_phone(value) if kind == "phone" else normalise_email(value)
        return self.digest(kind, plain) if plain else None

    def digest(self, kind: str, value: str) -> str:
        """Keyed hash of any text, such as the id of an erased customer."""
        return hmac.new(self._hash_key, f"{kind}:{value}".encode(), sha256).hexdigest()

    def encrypt(self, contact: dict[str, str]) -> str:
        """Contact data as one opaque text; differs each time."""
        return self._cipher.encrypt(json.dumps(contact, ensure_ascii=False).encode()).decode()

    def decrypt(self, encrypted: str) -> dict[str, str]:
        """Raises SettingsError when the key is not the one it was encrypted with."""
        try:
            found: dict[str, str] = json.loads(self._cipher.decrypt(encrypted.encode()))
        except InvalidToken as error:
            raise SettingsError(
                f"Contact data was encrypted with another key. Put the old {KEY_NAME} or {KEY_FILE} file back."
            ) from error
        return found

    def check_key(self, records: Records) -> None:
        """Raises SettingsError when something in `records` was hashed with another key. While nothing is, any
        key will do: a key may be set after the first try-out."""
        fingerprint = self.digest("key", "fingerprint")
        if records.one("SELECT fingerprint FROM contact_key") == (fingerprint,):
            return
        with records.write() as transaction:
            if transaction.one(_HASHED_OTHERWISE, (fingerprint,)):
                raise SettingsError(
                    "The contact key is not the one the customers were stored with, so nobody could be linked."
                    f" Put the old {KEY_NAME} or {KEY_FILE} file back."
                )
            transaction.run(
                "INSERT INTO contact_key VALUES (1, ?) ON CONFLICT (one) DO UPDATE SET"
                " fingerprint = excluded.fingerprint",
                (fingerprint,),
            )


def open_contacts(home: Path) -> Contacts:
    """Contacts with the key of this installation. Raises SettingsError when it is too short or cannot be read."""
    try:
        key = settings_file.secret(KEY_NAME, home) or _key_file(home / KEY_FILE)
    except OSError as error:
        raise SettingsError(f"{home / KEY_FILE} cannot be used: {error.strerror}. Or set {KEY_NAME}.") from error
    if len(key) < SHORTEST_KEY:
        raise SettingsError(
            f"{KEY_NAME} is shorter than {SHORTEST_KEY} characters. Make one with: openssl rand -hex 32"
        )
    return Contacts(key)


def normalise_phone(value: str) -> str | None:
    """E.164, such as +8613800138000; numbers without a country code are Chinese. None when it is no number."""
    plain = unicodedata.normalize("NFKC", value).strip()
    if re.search(r"[^\d\s()+\-.\u2010-\u2015]", plain):
        return None
    digits = re.sub(r"\D", "", plain)
    if plain.startswith("+"):
        return f"+{digits}" if 8 <= len(digits) <= 15 and digits[0] != "0" else None
    if digits.startswith("00"):
        return normalise_phone(f"+{digits[2:]}")
    digits = re.sub(r"^86(?=1[3-9]\d{9}$)", "", digits)
    if re.fullmatch(r"1[3-9]\d{9}", digits):
        return f"+86{digits}"
    if re.fullmatch(r"0[1-9]\d{8,10}", digits):
        return f"+86{digits[1:]}"
    return None


def normalise_email(value: str) -> str | None:
    """Trimmed, small letters; None when it is no address."""
    plain = unicodedata.normalize("NFKC", value).strip().lower()
    return plain if _EMAIL.fullmatch(plain) and len(plain) <= 254 else None


def mask_contact(contact: dict[str, str]) -> dict[str, str]:
    """Fit for a page: 138****1234, w***@qq.com."""
    return {kind: (_mask_email if kind == "email" else _mask_phone)(value) for kind, value in contact.items()}


def _mask_phone(phone: str) -> str:
    local = phone.removeprefix("+86")
    return f"{local[:3]}****{local[-4:]}" if len(local) >= 10 else f"****{local[-2:]}"


def _mask_email(email: str) -> str:
    name, _, domain = email.partition("@")
    return f"{name[:1]}***@{domain}"


def _derive(key: str, purpose: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose).derive(key.encode())


def _key_file(file: Path) -> str:
    """The key in `file`, written by whichever process comes first: a link to a full file appears at once."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        draft = file.with_name(f"{file.name}.{os.getpid()}.{secrets.token_hex(4)}")
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as written:
            written.write(secrets.token_hex(32))
            written.flush()
            os.fsync(written.fileno())  # the customers hashed with it are durable, so the key must be
        try:
            os.link(draft, file)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return file.read_text(encoding="utf-8").strip()
