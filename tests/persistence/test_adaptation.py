"""Lists as PostgreSQL gets them: those of UUIDs by another way than all others, with the same result."""

from typing import Any
from uuid import uuid4

import pytest

from .conftest import Open

ONE, TWO = uuid4(), uuid4()


@pytest.mark.parametrize(
    ("sent", "kind"),
    [
        ([ONE, TWO], "uuid[]"),
        ([ONE, None], "uuid[]"),
        ([None, ONE], "uuid[]"),
        ([], "uuid[]"),
        ([[ONE], [TWO]], "uuid[]"),
        (["a", 'b"c', "{d}"], "text[]"),
        ([1, 2], "int[]"),
    ],
)
def test_a_list_arrives_as_it_was_sent(open_store: Open, sent: list[Any], kind: str) -> None:
    with open_store("orders").transaction() as transaction:
        for _ in range(7):  # often enough for psycopg to prepare the statement
            cursor = transaction.connection.execute(f"SELECT %s::{kind}".encode(), (sent,))
            assert cursor.fetchone() == (sent,)


def test_one_statement_takes_flat_and_nested_lists_in_turn(open_store: Open) -> None:
    with open_store("orders").transaction() as transaction:
        for sent in ([ONE, TWO], [[ONE], [TWO]], [TWO]):
            assert transaction.connection.execute("SELECT %s::uuid[]", (sent,)).fetchone() == (sent,)


def test_a_list_of_uuids_and_other_things_is_refused(open_store: Open) -> None:
    with pytest.raises(AttributeError), open_store("orders").transaction() as transaction:
        transaction.connection.execute("SELECT %s::uuid[]", ([ONE, "no id"],))
