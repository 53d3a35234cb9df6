"""Money: whole minor units inside, decimals outside, and nothing lost between the two."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contexts.money import LARGEST_AMOUNT, MINOR_DIGITS, UnknownCurrency, minor_digits, to_decimal, to_minor

currencies = st.sampled_from(sorted(MINOR_DIGITS))


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        ("12.34", "USD", 1234),
        ("12.3", "EUR", 1230),
        ("12", "GBP", 1200),
        ("0.00", "USD", 0),
        ("-0.01", "USD", -1),
        ("99999999.99", "USD", LARGEST_AMOUNT),
        ("1.5E+3", "USD", 150_000),
    ],
)
def test_an_amount_is_counted_in_its_currency_s_minor_unit(amount: str, currency: str, minor: int) -> None:
    assert to_minor(Decimal(amount), currency) == minor
    assert to_decimal(minor, currency) == Decimal(amount)


def test_yen_have_no_smaller_unit() -> None:
    assert minor_digits("JPY") == 0
    assert to_minor(Decimal(500), "JPY") == 500
    assert to_decimal(500, "JPY") == Decimal(500)


@pytest.mark.parametrize(
    ("amount", "currency"),
    [
        ("0.001", "USD"),
        ("12.345", "EUR"),
        ("0.5", "JPY"),
        # One more digit than decimal arithmetic keeps by default.
        ("1.0000000000000000000000000001", "USD"),
        ("NaN", "USD"),
        ("Infinity", "USD"),
    ],
)
def test_a_fraction_of_the_minor_unit_is_refused(amount: str, currency: str) -> None:
    with pytest.raises(ValueError, match=currency):
        to_minor(Decimal(amount), currency)


@pytest.mark.parametrize("currency", ["XXX", "usd", "", "BTC"])
def test_a_currency_that_the_shop_does_not_take_is_named(currency: str) -> None:
    with pytest.raises(UnknownCurrency, match="USD"):
        to_minor(Decimal(1), currency)
    with pytest.raises(UnknownCurrency, match=repr(currency)):
        to_decimal(1, currency)


@given(minor=st.integers(-LARGEST_AMOUNT, LARGEST_AMOUNT), currency=currencies)
def test_what_is_shown_as_a_decimal_is_the_same_amount_again(minor: int, currency: str) -> None:
    assert to_minor(to_decimal(minor, currency), currency) == minor


@given(minor=st.integers(-LARGEST_AMOUNT, LARGEST_AMOUNT), currency=currencies)
def test_people_see_as_many_places_as_the_currency_has(minor: int, currency: str) -> None:
    assert -int(to_decimal(minor, currency).as_tuple().exponent) == MINOR_DIGITS[currency]
