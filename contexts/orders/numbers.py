"""The numbers by which people call orders."""

import secrets
from uuid import UUID

from contexts.identity import is_dated

#: Crockford's digits, which nobody mistakes for each other, two at a time.
_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = tuple(first + second for first in _DIGITS for second in _DIGITS)


def new_number(order_id: UUID) -> str:
    """Return a number for a new order: of an id that begins with a time that time and chance, else 60 bits of the id.

    Chance, so that nobody can make two orders of one number, or find the id, which lets who has it see the order.
    """
    if not is_dated(order_id):
        digits = order_id.hex[:15].upper()
        return f"FV-{digits[:5]}-{digits[5:10]}-{digits[10:]}"
    bits = order_id.int >> 80 << 42 | secrets.randbits(42)
    digits = "".join(_PAIRS[bits >> shift & 1023] for shift in range(80, -1, -10))
    return f"FV-{digits[:6]}-{digits[6:12]}-{digits[12:]}"
