"""Ids made of names."""

from uuid import RFC_4122, UUID, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contexts.identity import dated, named, parsed, part, within


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


@given(st.uuids(), st.uuids(), st.integers(0, 2**48 - 1), st.integers(0, 2**48 - 1))
def test_a_dated_id_stands_where_its_time_puts_it_and_keeps_74_bits_of_what_it_is_of(
    one: UUID, other: UUID, earlier: int, later: int
) -> None:
    earlier, later = sorted((earlier, later))
    first, second = dated(one, earlier), dated(other, later)

    assert (first.version, first.variant, int.from_bytes(first.bytes[:6], "big")) == (7, RFC_4122, earlier)
    assert first.int & (1 << 62) - 1 == one.int & (1 << 62) - 1
    assert first.hex[13:16] == one.hex[13:16]
    assert first < second or earlier == later
    assert dated(one, earlier) == first


@pytest.mark.parametrize("milliseconds", [-1, 2**48])
def test_a_time_that_no_id_has_room_for_is_refused(milliseconds: int) -> None:
    with pytest.raises(ValueError, match="no time of a UUID"):
        dated(UUID(int=1), milliseconds)


@given(st.uuids(), st.integers(0, 2**48 - 1), st.text())
def test_the_parts_of_what_is_dated_stand_beside_it_and_their_parts_too(one: UUID, at: int, name: str) -> None:
    whole = dated(one, at)

    assert part(whole, name) == within(whole, name)
    assert part(part(whole, name), name).bytes[:6] == whole.bytes[:6]


@pytest.mark.parametrize("version", [1, 3, 4, 5])
@given(identity=st.uuids(), name=st.text())
def test_the_parts_of_what_is_older_than_dated_ids_keep_their_names(version: int, identity: UUID, name: str) -> None:
    whole = UUID(int=identity.int, version=version)

    assert part(whole, name) == uuid5(whole, name)


@given(st.uuids())
def test_an_id_is_read_as_it_was_written(identity: UUID) -> None:
    assert parsed(str(identity)) == identity
    assert parsed(str(identity)).version == identity.version


@pytest.mark.parametrize("text", ["", "1234", "g" * 32, "12345678-1234-1234-1234-1234567890123", "{" + "1" * 32 + "}"])
def test_what_is_no_id_is_not_read_as_one(text: str) -> None:
    with pytest.raises(ValueError, match=r"UUID|invalid literal"):
        parsed(text)
