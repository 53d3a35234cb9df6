"""What may be shown of a customer's e-mail address and telephone number: enough to recognise, too little to use."""

_MASK = "***"
_SHOWN_DIGITS = 4
_FEWEST_DIGITS = 7  # of a shorter number, four digits would be most of it


def mask_email(email: str) -> str:
    """The first two characters and the domain: `jane.roe@example.com` is `ja***@example.com`.

    Of a local part of one or two characters nothing is shown, of text that is no address nothing at all. The domain
    is what follows the last @, since a quoted local part may hold one itself (RFC 5321, section 4.1.2).
    """
    local, at, domain = email.rpartition("@")
    if not at:
        return _MASK
    return f"{local[:2] if len(local) > 2 else ''}{_MASK}@{domain}"


def mask_phone(phone: str) -> str:
    """The last four digits: `+1 (555) 010-4477` is `***4477`; of fewer than seven digits nothing is shown."""
    digits = [character for character in phone if character.isdecimal()]
    return _MASK + ("".join(digits[-_SHOWN_DIGITS:]) if len(digits) >= _FEWEST_DIGITS else "")
