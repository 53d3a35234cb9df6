"""Masking of customers' e-mail addresses and telephone numbers."""

import pytest

from contexts.orders.masking import mask_email, mask_phone


@pytest.mark.parametrize(
    ("email", "masked"),
    [
        ("jane.roe@example.com", "ja***@example.com"),
        ("jan@example.com", "ja***@example.com"),
        ("jo@example.com", "***@example.com"),
        ("j@example.com", "***@example.com"),
        ("@example.com", "***@example.com"),
        ("", "***"),
    ],
)
def test_an_address_shows_two_characters_and_its_domain(email: str, masked: str) -> None:
    assert mask_email(email) == masked


def test_text_without_an_at_sign_is_hidden_whole() -> None:
    assert mask_email("jane.roe.example.com") == "***"


def test_an_at_sign_inside_a_quoted_local_part_does_not_reveal_the_rest_of_it() -> None:
    assert mask_email('"jane@home"@example.com') == '"j***@example.com'


@pytest.mark.parametrize(
    ("phone", "masked"),
    [("+1 (555) 010-4477", "***4477"), ("5550104", "***0104"), ("555010", "***"), ("no number", "***"), ("", "***")],
)
def test_a_telephone_number_shows_its_last_four_digits_if_it_is_long_enough(phone: str, masked: str) -> None:
    assert mask_phone(phone) == masked
