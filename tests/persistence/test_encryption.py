"""Field encryption: what opens, what does not, and how keys are rotated."""

import base64
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persistence.encryption import VARIABLE, EncryptionKeyError, FieldCipher, SealedFieldError

ROW = UUID("5d3a1c1e-0000-4000-8000-000000000001")
OTHER_ROW = UUID("5d3a1c1e-0000-4000-8000-000000000002")
OLD = bytes(range(32))
NEW = bytes(range(32, 64))


@given(st.text(), st.uuids())
def test_what_is_sealed_for_a_row_opens_for_that_row(plaintext: str, row_id: UUID) -> None:
    cipher = FieldCipher({"k1": OLD})

    assert cipher.open(cipher.seal(plaintext, row_id), row_id) == plaintext


def test_a_sealed_field_shows_nothing_of_the_text_and_differs_each_time() -> None:
    cipher = FieldCipher({"k1": OLD})

    first, second = (cipher.seal("4242424242424242", ROW) for _ in range(2))

    assert first != second
    assert b"4242" not in base64.urlsafe_b64decode(first.removeprefix("k1."))


def test_a_sealed_field_copied_into_another_row_does_not_open() -> None:
    cipher = FieldCipher({"k1": OLD})

    with pytest.raises(SealedFieldError, match="another row"):
        cipher.open(cipher.seal("secret", ROW), OTHER_ROW)


def test_a_sealed_field_with_any_byte_changed_does_not_open() -> None:
    cipher = FieldCipher({"k1": OLD})
    raw = base64.urlsafe_b64decode(cipher.seal("secret", ROW).removeprefix("k1."))

    for position in range(len(raw)):
        damaged = bytes(byte ^ (place == position) for place, byte in enumerate(raw))
        with pytest.raises(SealedFieldError, match="damaged"):
            cipher.open(f"k1.{base64.urlsafe_b64encode(damaged).decode()}", ROW)


@pytest.mark.parametrize("text", ["", "k1", "k1.", "k1.%%%", "k1.AAAA", f".{'A' * 60}", "plain text", "k1.é"])
def test_text_that_was_never_sealed_is_told_as_such(text: str) -> None:
    with pytest.raises(SealedFieldError, match="not a sealed field"):
        FieldCipher({"k1": OLD}).open(text, ROW)


def test_after_a_rotation_old_fields_open_and_new_ones_use_the_first_key(monkeypatch: pytest.MonkeyPatch) -> None:
    sealed_before = FieldCipher({"k1": OLD}).seal("secret", ROW)
    monkeypatch.setenv(VARIABLE, f"k2:{base64.b64encode(NEW).decode()},k1:{base64.b64encode(OLD).decode()}")

    cipher = FieldCipher.from_environment()
    sealed_after = cipher.seal("secret", ROW)

    assert cipher.open(sealed_before, ROW) == "secret"
    assert (cipher.is_current(sealed_before), cipher.is_current(sealed_after)) == (False, True)
    assert FieldCipher({"k2": NEW}).open(sealed_after, ROW) == "secret"


def test_a_field_of_a_key_that_was_taken_away_names_that_key() -> None:
    sealed = FieldCipher({"k1": OLD}).seal("secret", ROW)

    with pytest.raises(SealedFieldError, match="key 'k1'"):
        FieldCipher({"k2": NEW}).open(sealed, ROW)


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ("", "is not set"),
        ("   ", "is not set"),
        ("c2VjcmV0", "entry 1 is not"),
        ("k1:not base64!", "entry 1 is not base64"),
        ("k1:c2VjcmV0", "'k1' has 6 bytes, it needs 32"),
        (f"k.1:{base64.b64encode(OLD).decode()}", "a key id is"),
        (f"k1:{base64.b64encode(OLD).decode()},k1:{base64.b64encode(NEW).decode()}", "entry 2 is there twice"),
        (f"k1:{base64.b64encode(OLD).decode()},", "entry 2 is not"),
    ],
)
def test_a_bad_list_of_keys_is_refused_without_repeating_it(
    monkeypatch: pytest.MonkeyPatch, value: str, complaint: str
) -> None:
    monkeypatch.setenv(VARIABLE, value)

    with pytest.raises(EncryptionKeyError, match=complaint) as refusal:
        FieldCipher.from_environment()

    assert "c2VjcmV0" not in str(refusal.value)
