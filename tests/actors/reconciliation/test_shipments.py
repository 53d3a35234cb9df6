"""Shipments against a real sandbox carrier: drift planted on either side is found, mended or kept for an operator."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import orjson
import psycopg
import pytest

from actors.shipment_reconciliation import reconcile_shipments, shipments_reconciled
from contexts.delivery.messages import CancelShipment, ReconcileShipments, ShipmentCancelled
from contexts.delivery.model import Status, shipment_id
from contexts.reconciliation import PAGE
from persistence.shipment_reconciliation import ShipmentReconciliation
from tests.contexts.examples import ADDRESS
from tests.sandboxes.launching import Server

from .at_work import FIVE_MINUTES_AGO, TEN_MINUTES_AGO, AtWork

#: What is there, what we have, and what that is called.
DRIFT = [
    ("nothing", Status.SCHEDULED, "MISSING_THERE"),
    ("cancelled", Status.SCHEDULED, "DIFFERENT_STATE"),
    ("refused", Status.SCHEDULED, "DIFFERENT_STATE"),
    ("booked", Status.REFUSED, "DIFFERENT_STATE"),
    ("booked", Status.RECALLED, "DIFFERENT_STATE"),
    ("booked", Status.PENDING, "UNFINISHED"),
    ("nothing", Status.PENDING, "UNFINISHED"),
]
AGREEING = [
    ("booked", Status.SCHEDULED),
    ("cancelled", Status.CANCELLED),
    ("cancelled", Status.RECALLED),
    ("nothing", Status.CANCELLED),
    ("refused", Status.REFUSED),
]


def booking(order_id: UUID, postal_code: str = "12345") -> dict[str, object]:
    return {
        "reference": str(shipment_id(order_id)),
        "order_id": str(order_id),
        "shipping_method": "STANDARD",
        "address": {**ADDRESS.model_dump(), "postal_code": postal_code},
        "pieces": 1,
    }


def there(desk: Server, state: str) -> UUID:
    """Bring an order's shipment so far at the carrier, without our knowledge."""
    order_id = uuid4()
    if state != "nothing":
        desk.ask("POST", "/v1/shipments", [booking(order_id, "REFUSE" if state == "refused" else "12345")])
    if state == "cancelled":
        desk.ask("POST", "/v1/cancellations", [str(shipment_id(order_id))])
    return order_id


def label(desk: Server, order_id: UUID) -> dict[str, object]:
    _, (shown,) = desk.ask("POST", "/v1/lookup", [str(shipment_id(order_id))])
    return dict(shown or {})


def here(delivery: AtWork, desk: Server, *order_ids: UUID, status: Status, age: timedelta = TEN_MINUTES_AGO) -> UUID:
    """Enter shipments in our table, as if changed so long ago; returns the first order."""
    rows = [
        {"id": shipment_id(one), "order_id": one, "number": label(desk, one).get("tracking_number")}
        for one in order_ids
    ]
    with psycopg.connect(delivery.url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO shipments (id, order_id, carrier, shipping_method, shipping_address, status, attempts,"
            " tracking_number, updated_at)"
            " SELECT id, order_id, 'sandbox', 'STANDARD', '{}', %s, 1, number, %s"
            " FROM json_to_recordset(%s) AS r(id uuid, order_id uuid, number text)",
            (status.value, datetime.now(UTC) - age, orjson.dumps(rows).decode()),
        )
    return order_ids[0]


def test_shipments_that_agree_leave_nothing_for_an_operator(delivery: AtWork, desk: Server) -> None:
    for state, status in AGREEING:
        here(delivery, desk, there(desk, state), status=status)

    look = delivery.look(ReconcileShipments)

    assert delivery.discrepancies() == []
    assert (look["ours"], look["theirs"], look["error"]) == (len(AGREEING), 4, None)


def test_shipments_that_differ_are_kept_for_an_operator_and_left_as_they_are(delivery: AtWork, desk: Server) -> None:
    kinds = {here(delivery, desk, there(desk, state), status=status): kind for state, status, kind in DRIFT}
    before = delivery.rows("SELECT id, status, version FROM shipments ORDER BY id")

    delivery.look(ReconcileShipments)

    assert dict(delivery.open()) == kinds
    assert len(delivery.discrepancies()) == len(DRIFT)
    assert delivery.rows("SELECT id, status, version FROM shipments ORDER BY id") == before
    assert delivery.told == []


def test_a_label_for_an_order_nobody_placed_is_found(delivery: AtWork, desk: Server) -> None:
    order_id = there(desk, "booked")
    there(desk, "cancelled")
    there(desk, "refused")

    delivery.look(ReconcileShipments)

    assert delivery.open() == [(order_id, "MISSING_HERE")]


def test_a_label_of_another_number_is_found(delivery: AtWork, desk: Server) -> None:
    order_id = here(delivery, desk, there(desk, "booked"), status=Status.SCHEDULED)
    delivery.change("UPDATE shipments SET tracking_number = 'FV0'")

    delivery.look(ReconcileShipments)

    assert delivery.open() == [(order_id, "OTHER_LABEL")]


def test_a_live_label_of_a_cancelled_shipment_is_cancelled_and_resolved(delivery: AtWork, desk: Server) -> None:
    order_id = here(delivery, desk, there(desk, "booked"), status=Status.CANCELLED)

    look = delivery.look(ReconcileShipments)

    assert (look["discovered"], look["mended"]) == (1, 1)
    assert label(desk, order_id)["state"] == "cancelled"
    assert delivery.row("SELECT status FROM shipments")["status"] == Status.CANCELLED
    assert delivery.told == [ShipmentCancelled(order_id=order_id)]

    delivery.look(ReconcileShipments, lag=timedelta())

    assert delivery.open() == []
    assert len([one for one in delivery.carried if isinstance(one, CancelShipment)]) == 1


def test_what_changed_within_the_lag_is_left_to_a_later_look(delivery: AtWork, desk: Server) -> None:
    here(delivery, desk, there(desk, "cancelled"), status=Status.SCHEDULED, age=timedelta(minutes=4))

    delivery.look(ReconcileShipments)

    assert delivery.open() == []


def test_thousands_go_page_by_page_and_none_is_forgotten(delivery: AtWork, desk: Server) -> None:
    order_ids = [uuid4() for _ in range(PAGE + 100)]
    desk.ask("POST", "/v1/shipments", [booking(order_id) for order_id in order_ids])
    here(delivery, desk, *order_ids, status=Status.SCHEDULED)
    drifted = {min(order_ids, key=shipment_id), max(order_ids, key=shipment_id)}
    desk.ask("POST", "/v1/cancellations", [str(shipment_id(order_id)) for order_id in drifted])
    stranger = there(desk, "booked")

    look = delivery.look(ReconcileShipments)

    assert {order_id for order_id, _ in delivery.open()} == {*drifted, stranger}
    assert (look["ours"], look["theirs"]) == (len(order_ids), len(order_ids) + 1)


@pytest.mark.parametrize("fault", ["error_rate", "drop_before_rate", "drop_after_rate"])
def test_a_carrier_that_often_fails_is_asked_until_it_answers(delivery: AtWork, desk: Server, fault: str) -> None:
    order_id = here(delivery, desk, there(desk, "cancelled"), status=Status.SCHEDULED)
    desk.ask("PUT", "/faults", {fault: 0.5, "seed": 31})

    look = delivery.look(ReconcileShipments)

    assert delivery.open() == [(order_id, "DIFFERENT_STATE")]
    assert look["error"] is None
    assert any(message.failures for message in delivery.carried if isinstance(message, ReconcileShipments))


def test_a_carrier_that_is_away_finds_nothing_missing_there(delivery: AtWork, desk: Server) -> None:
    here(delivery, desk, there(desk, "booked"), status=Status.SCHEDULED)
    desk.kill()

    look = delivery.look(ReconcileShipments)

    assert delivery.discrepancies() == []
    assert "/v1/lookup" in look["error"]


def test_a_tick_that_found_a_look_under_way_begins_none_when_that_has_ended_meanwhile(delivery: AtWork) -> None:
    now = datetime.now(UTC)
    delivery.tick(ReconcileShipments, now - TEN_MINUTES_AGO)
    tick = ReconcileShipments(run_id=uuid4(), until=now - FIVE_MINUTES_AGO)

    assert delivery.tick_beside_a_look(tick, ShipmentReconciliation, reconcile_shipments, shipments_reconciled) == []

    assert delivery.row("SELECT id FROM reconciliations WHERE id = %s", tick.run_id) is None
    assert delivery.tick(ReconcileShipments, now - FIVE_MINUTES_AGO) is not None
