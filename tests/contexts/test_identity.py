"""Ids made of names."""

from uuid import UUID, uuid5

from hypothesis import given
from hypothesis import strategies as st

from contexts.identity import named


@given(namespace=st.uuids(), name=st.text())
def test_a_named_id_is_the_version_5_uuid_of_its_namespace_and_name(namespace: UUID, name: str) -> None:
    identity = named(namespace, name)

    assert identity == uuid5(namespace, name)
    assert (identity.version, hash(identity), str(identity)) == (5, hash(UUID(str(identity))), str(UUID(str(identity))))
