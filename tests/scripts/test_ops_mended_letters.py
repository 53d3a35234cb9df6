"""`scripts/ops dead-letters retry --payload`: a message that is wrong itself is mended, or nothing is sent."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest

from persistence.dead_letter_rows import Wanted, rows_of
from persistence.dead_letters import sendable

from .buried_letters import bury, capture, mail, waiting
from .operators_desk import Desk, own_desk


@pytest.fixture(scope="module")
def own() -> Iterator[Desk]:
    with own_desk() as desk:
        yield desk


@pytest.fixture
def desk(own: Desk) -> Desk:
    own.clear()
    return own


@pytest.mark.parametrize(("context", "make"), [("orders", capture), ("notifications", mail)])
def test_a_mended_body_takes_the_place_of_the_broken_one(desk: Desk, tmp_path: Path, context: str, make: Any) -> None:
    whole = make()
    broken = make(id=whole.id, payload=whole.payload | {"body": {"order": "?"}})
    bury(desk, broken)
    file = tmp_path / "body.json"
    file.write_bytes(orjson.dumps(whole.payload["body"]))

    code, output, _ = desk.run("dead-letters", "retry", "--id", broken.id)
    assert code == 1
    assert "refused" in output
    desk.document("dead-letters", "retry", "--id", broken.id, "--payload", file, "--note", "mended")

    ((_, _, message),) = waiting(desk, context)
    assert message["body"] == whole.payload["body"]
    assert (message["id"], message["attempt"]) == (str(whole.id), 0)
    (shown,) = desk.document("dead-letters", "show", broken.id, "--unmasked")["dead_letters"]
    assert shown["payload"]["body"] == whole.payload["body"]
    assert '{"order":"?"}' in shown["note"]


def test_what_a_message_was_before_it_was_mended_is_told_without_what_is_personal(desk: Desk, tmp_path: Path) -> None:
    whole, person = capture(), {"name": "Jane\u2028Roe", "street": "1 Long Road", "country": "US"}
    wrong = {"order_id": "?", "shipping_address": person, "card_token": "tok_visa"}
    broken = capture(id=whole.id, payload=whole.payload | {"body": wrong})
    bury(desk, broken)
    file = tmp_path / "body.json"
    file.write_bytes(orjson.dumps(whole.payload["body"]))
    desk.document(
        "dead-letters", "retry", "--id", broken.id, "--payload", file, "--note", "told by jane@shop.example\nand mended"
    )

    (listed,) = desk.document("dead-letters", "list", "--status", "RETRIED")["dead_letters"]
    (shown,) = desk.document("dead-letters", "show", broken.id)["dead_letters"]

    for note in (listed["note"], shown["note"]):
        assert note.startswith("told by ja***@shop.example\nand mended\nmended; it was {")
        assert '"country":"US"' in note
        for secret in ("Jane", "Roe", "Long Road", "tok_visa"):
            assert secret not in note


def test_what_is_no_message_at_all_can_be_replaced_by_a_whole_one(desk: Desk, tmp_path: Path) -> None:
    whole = capture()
    bury(desk, capture(id=whole.id, payload="not a message", message_type="None", correlation_id=None))
    file = tmp_path / "message.json"
    file.write_bytes(orjson.dumps(whole.payload["body"]))
    assert desk.run("dead-letters", "retry", "--id", whole.id, "--payload", file)[0] == 1
    file.write_bytes(orjson.dumps(whole.payload | {"id": str(uuid4())}))

    desk.document("dead-letters", "retry", "--id", whole.id, "--payload", file)

    ((_, _, message),) = waiting(desk, "orders")
    assert sendable(letter_of(desk, whole.id)) == message
    assert message["id"] == str(whole.id)


def letter_of(desk: Desk, identity: UUID) -> Any:
    """The stored letter, read the way the tool reads it."""
    with desk.store("orders") as store, store.transaction() as transaction:
        (letter,) = rows_of("orders", transaction).find(Wanted(status=None, ids=(identity,)), None)
        return letter


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"{", "is not JSON"),
        (b"[]", "is not a JSON object"),
        (b'{"order_id": "***"}', "masked values"),
    ],
)
def test_a_file_that_cannot_take_a_bodys_place_is_wrong_use(
    desk: Desk, tmp_path: Path, content: bytes, told: str
) -> None:
    dead = capture()
    bury(desk, dead)
    file = tmp_path / "body.json"
    file.write_bytes(content)

    code, _, errors = desk.run("dead-letters", "retry", "--id", dead.id, "--payload", file)

    assert (code, told in errors) == (2, True)
    assert waiting(desk, "orders") == []


def test_a_body_of_another_message_type_is_refused(desk: Desk, tmp_path: Path) -> None:
    dead, other = capture(), mail()
    bury(desk, dead)
    file = tmp_path / "message.json"
    file.write_bytes(orjson.dumps(other.payload))

    code, output, _ = desk.run("dead-letters", "retry", "--id", dead.id, "--payload", file)

    assert code == 1
    assert "is not what orders.capture_payment on queue payments takes" in output
    assert waiting(desk, "orders") == []
