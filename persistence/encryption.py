"""Fields that are unreadable in the database: AES-256-GCM under a named key, bound to the row they belong to.

A sealed field is `<key id>.<base64url of nonce and ciphertext>`. The row's id is associated data (NIST SP 800-38D), so
a sealed value copied into another row does not open. Nonces are random: by the same standard one key should seal at
most 2**32 values, then a new key goes first in the list.
"""

import base64
import binascii
import os
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Self
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

VARIABLE = "FIELD_ENCRYPTION_KEY"
_KEY_BYTES = 32
_NONCE_BYTES = 12
_TAG_BYTES = 16
_KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,32}")


class EncryptionKeyError(Exception):
    """Raised when the list of keys is missing or malformed. The text never holds a key."""


class SealedFieldError(Exception):
    """Raised when a sealed field does not open: unknown key, damaged, or sealed for another row."""


class FieldCipher:
    """Seals and opens text fields. The first key seals, every key opens, so keys can be rotated while rows are read."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        """Take keys of 32 bytes by id, the sealing one first. Raises EncryptionKeyError."""
        if not keys:
            raise EncryptionKeyError(f"{VARIABLE} holds no key")
        for key_id, key in keys.items():
            _check(key_id, key)
        self._ciphers = MappingProxyType({key_id: AESGCM(key) for key_id, key in keys.items()})
        self._sealing_key_id = next(iter(keys))

    @classmethod
    def from_environment(cls) -> Self:
        """Read FIELD_ENCRYPTION_KEY: `k2:<base64 of 32 bytes>,k1:<base64>`. Raises EncryptionKeyError."""
        return cls(_parsed(os.environ.get(VARIABLE, "")))

    def seal(self, plaintext: str, row_id: UUID) -> str:
        """Encrypt a field of the row; the same text never seals to the same value twice."""
        nonce = os.urandom(_NONCE_BYTES)
        ciphertext = self._ciphers[self._sealing_key_id].encrypt(nonce, plaintext.encode(), row_id.bytes)
        return f"{self._sealing_key_id}.{base64.urlsafe_b64encode(nonce + ciphertext).decode()}"

    def open(self, sealed: str, row_id: UUID) -> str:
        """Decrypt a field of the row. Raises SealedFieldError."""
        key_id, nonce, ciphertext = _taken_apart(sealed)
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise SealedFieldError(f"row {row_id}: sealed with key {key_id!r}, which {VARIABLE} does not hold")
        try:
            return cipher.decrypt(nonce, ciphertext, row_id.bytes).decode()
        except InvalidTag:
            raise SealedFieldError(f"row {row_id}: the field is damaged or was sealed for another row") from None

    def is_current(self, sealed: str) -> bool:
        """Whether the sealing key sealed it; if not, seal it again before the old key goes. Raises SealedFieldError."""
        return _taken_apart(sealed)[0] == self._sealing_key_id


def _parsed(text: str) -> dict[str, bytes]:
    """Keys by id from the variable's text. Messages name positions and ids, never the text itself."""
    if not text.strip():
        raise EncryptionKeyError(f"{VARIABLE} is not set: it holds <id>:<base64 of 32 bytes>, the newest key first")
    keys: dict[str, bytes] = {}
    for position, entry in enumerate(text.split(","), start=1):
        key_id, colon, encoded = entry.strip().partition(":")
        if not colon:
            raise EncryptionKeyError(f"{VARIABLE}: entry {position} is not <id>:<base64 of 32 bytes>")
        if key_id in keys:
            raise EncryptionKeyError(f"{VARIABLE}: key id in entry {position} is there twice")
        try:
            keys[key_id] = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            raise EncryptionKeyError(f"{VARIABLE}: the key in entry {position} is not base64") from None
    return keys


def _check(key_id: str, key: bytes) -> None:
    """Raise EncryptionKeyError unless the id can stand in a sealed field and the key is one of AES-256."""
    if not _KEY_ID.fullmatch(key_id):
        raise EncryptionKeyError(f"{VARIABLE}: a key id is 1 to 32 letters, digits, hyphens or underscores")
    if len(key) != _KEY_BYTES:
        raise EncryptionKeyError(f"{VARIABLE}: key {key_id!r} has {len(key)} bytes, it needs {_KEY_BYTES}")


def _taken_apart(sealed: str) -> tuple[str, bytes, bytes]:
    """Key id, nonce, and ciphertext with its tag. Raises SealedFieldError."""
    key_id, _, encoded = sealed.partition(".")
    try:
        raw = base64.b64decode(encoded, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise SealedFieldError("not a sealed field: it is not <key id>.<base64url>") from None
    if len(raw) < _NONCE_BYTES + _TAG_BYTES or not _KEY_ID.fullmatch(key_id):
        raise SealedFieldError("not a sealed field: it is too short or names no key")
    return key_id, raw[:_NONCE_BYTES], raw[_NONCE_BYTES:]
