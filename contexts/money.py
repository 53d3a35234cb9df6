"""Money: integers of the minor unit (cents) in messages and in the domain, decimals in tables and to people."""

from decimal import Decimal

#: ISO 4217 currencies that shops may use here, with the number of decimal places of their minor unit.
MINOR_DIGITS = {"USD": 2, "EUR": 2, "GBP": 2, "CAD": 2, "AUD": 2, "CHF": 2, "JPY": 0}

#: The largest amount that a DECIMAL(10, 2) column holds, in hundredths.
LARGEST_AMOUNT = 9_999_999_999


class UnknownCurrency(ValueError):
    """Raised for a currency code that this shop does not take."""


def minor_digits(currency: str) -> int:
    """Return how many decimal places the currency has."""
    try:
        return MINOR_DIGITS[currency]
    except KeyError:
        raise UnknownCurrency(f"{currency!r} is not one of {', '.join(sorted(MINOR_DIGITS))}") from None


def largest_minor(currency: str) -> int:
    """Return the largest amount that a DECIMAL(10, 2) column holds, in the currency's minor unit."""
    return int(LARGEST_AMOUNT // 10 ** (2 - minor_digits(currency)))


def to_minor(amount: Decimal, currency: str) -> int:
    """`Decimal("12.34")`, USD -> 1234; raises `ValueError` for a fraction of the minor unit."""
    digits = minor_digits(currency)
    minor = int(amount.scaleb(digits)) if amount.is_finite() else None
    # Scaling rounds to the context's precision, comparing does not.
    if minor is None or to_decimal(minor, currency) != amount:
        raise ValueError(f"{amount} {currency} is not a whole number of minor units")
    return minor


def to_decimal(minor: int, currency: str) -> Decimal:
    """1234, USD -> `Decimal("12.34")`."""
    return Decimal(minor).scaleb(-minor_digits(currency))
