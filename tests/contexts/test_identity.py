"""Ids made of names."""

from uuid import RFC_4122, UUID, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contexts.identity import named, parsed, within


@given(namespace=st.uuids(), name=st.text())
def test_a_named_id_is_the_version_5_uuid_of_its_namespace_and_name(namespace: UUID, name: str) -> None:
    identity = named(namespace, name)

    assert identity == uuid5(namespace, name)
    assert (identity.version, hash(identity), str(identity)) == (5, hash(UUID(str(identity))), str(UUID(str(identity))))


@given(st.uuids(), st.uuids(), st.text(), st.text())
def test_an_id_within_another_begins_like_it_and_differs_by_its_name(
    whole: UUID, other: UUID, name: str, another: str
) -> None:
    identity = within(whole, name)

    assert identity.bytes[:6] == whole.bytes[:6]
    assert (identity.version, identity.variant) == (8, RFC_4122)
    assert identity == within(whole, name)
    assert (identity == within(whole, another)) is (name == another)
    assert (identity == within(other, name)) is (whole == other)


@given(st.uuids())
def test_an_id_is_read_as_it_was_written(identity: UUID) -> None:
    assert parsed(str(identity)) == identity
    assert parsed(str(identity)).version == identity.version


@pytest.mark.parametrize("text", ["", "1234", "g" * 32, "12345678-1234-1234-1234-1234567890123", "{" + "1" * 32 + "}"])
def test_what_is_no_id_is_not_read_as_one(text: str) -> None:
    with pytest.raises(ValueError, match=r"UUID|invalid literal"):
        parsed(text)
