"""Names turned into ids: the same name within the same namespace is the same id, on every machine and at every time."""

from hashlib import sha1
from uuid import UUID, SafeUUID

_VERSION_AND_VARIANT = (5 << 76) | (0x8000 << 48)
_OTHER_BITS = ~((0xF000 << 64) | (0xC000 << 48))

_UNKNOWN = SafeUUID.unknown
_new = object.__new__
_set_number, _set_safety = UUID.__dict__["int"].__set__, UUID.__dict__["is_safe"].__set__


def named(namespace: UUID, name: str) -> UUID:
    """Return the version 5 UUID of RFC 9562: what `uuid.uuid5` returns, in a fifth of its time.

    An order takes some forty of them, so the constructor's questions about a number known to be right are left out.
    """
    digest = sha1(namespace.int.to_bytes(16, "big") + name.encode(), usedforsecurity=False).digest()
    return _made((int.from_bytes(digest, "big") >> 32) & _OTHER_BITS | _VERSION_AND_VARIANT)


def parsed(text: str) -> UUID:
    """Read a UUID as `str` writes it, in half the time of its constructor. Raises `ValueError`."""
    digits = text.replace("-", "")
    if len(digits) != 32:
        raise ValueError(f"{text!r} is not a UUID")
    return _made(int(digits, 16))


def _made(number: int) -> UUID:
    identity = _new(UUID)
    _set_number(identity, number)
    _set_safety(identity, _UNKNOWN)
    return identity
