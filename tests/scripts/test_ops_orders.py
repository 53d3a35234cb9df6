"""`scripts/ops orders | sagas | stock`: what the stores tell of an order and of stock, now and as of a moment."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from contexts.catalog.messages import Price, ProductChanged, PutProduct
from contexts.delivery.carrier import Booked
from contexts.delivery.messages import ScheduleDelivery
from contexts.inventory.messages import Line, ReceiveStock, ReleaseStock, ReserveStock, StockReserved
from contexts.messages import Destination, first_cause
from contexts.notifications.mail import Sent, default_templates
from contexts.orders.gateway import Approved
from contexts.orders.messages import (
    AuthorizePayment,
    CompleteOrder,
    Customer,
    OrderClosed,
    OrderPlaced,
    PaymentDeclined,
    RejectOrder,
    ReturnOrder,
)
from persistence.catalog import ProductTables
from persistence.coordination import JourneyTables
from persistence.delivery import ShipmentTables
from persistence.inventory import StockTables
from persistence.notifications import NotificationCollections
from persistence.orders import OrderTables
from persistence.parcels import parcel
from persistence.payments import PaymentTables
from tests.contexts.examples import ADDRESS, a_place_order, an_answer
from tests.persistence.transactions import loaded

from .buried_letters import bury, capture
from .operators_desk import Desk, own_desk

BEGIN = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
WAREHOUSE = UUID(int=10)


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    with own_desk() as desk:
        yield desk


@pytest.fixture(scope="module")
def product(desk: Desk) -> UUID:
    """A CD for 12.49 of which ten were received, as catalog, orders and inventory know it."""
    product_id = uuid4()
    price = Price(id=uuid4(), price_minor=1249, effective_from=BEGIN - SECOND)
    told: dict[str, Any] = {"product_id": product_id, "sku": "CD-1", "name": "A CD", "prices": (price,)}
    put, changed = PutProduct(**told), ProductChanged(**told, version=1, status="ACTIVE")
    with desk.store("catalog") as store, loaded(store, ProductTables, put) as products:
        products.put(put)
    with desk.store("orders") as store, loaded(store, OrderTables, changed) as orders:
        orders.copy_prices(changed)
    received = ReceiveStock(delivery_id=uuid4(), product_id=product_id, warehouse_id=WAREHOUSE, quantity=10)
    with desk.store("inventory") as store, loaded(store, StockTables, received) as stocks:
        stocks.receive(received, BEGIN)
    return product_id


@pytest.fixture(scope="module")
def completed(desk: Desk, product: UUID) -> UUID:
    """An order of two CDs: placed, reserved after 1 s, paid after 2, shipped after 3, completed and told after 4."""
    wish = a_place_order(
        (product, 2), customer=Customer(id=uuid4(), email="jane@shop.example", phone="+1 555 010 4477")
    )
    placed = _placed(desk, wish)
    reserve = ReserveStock(order_id=placed.order_id, lines=(Line(product_id=product, quantity=2),))
    with desk.store("inventory") as store, loaded(store, StockTables, reserve) as stocks:
        stocks.reserve(reserve.order_id, reserve.lines, BEGIN + SECOND)
    pay = AuthorizePayment(order_id=placed.order_id, card_token="tok_visa")
    with desk.store("orders") as store, loaded(store, PaymentTables, pay) as payments:
        payment = payments.of(placed.order_id)
        payment.authorize("tok_visa", BEGIN + 2 * SECOND)
        payment.authorized(Approved("txn_1", "visa", "4242"), BEGIN + 2 * SECOND)
    ship = ScheduleDelivery(order_id=placed.order_id, shipping_address=ADDRESS, shipping_method="STANDARD", pieces=2)
    with desk.store("delivery") as store, loaded(store, ShipmentTables, ship) as shipments:
        shipment = shipments.of(placed.order_id, "STANDARD", ADDRESS.model_dump(), 2)
        shipment.book()
        shipment.booked(Booked("FV123", date(2026, 3, 6)), BEGIN + 3 * SECOND)
    _complete(desk, placed.order_id)
    return placed.order_id


def _placed(desk: Desk, wish: Any) -> OrderPlaced:
    """Place an order and begin its journey, which is answered after a second."""
    with desk.store("orders") as store, loaded(store, OrderTables, wish) as orders:
        placed = orders.place(wish, BEGIN)
        assert isinstance(placed, OrderPlaced)
    with desk.store("coordination") as store:
        for event, at in ((placed, BEGIN), (an_answer(StockReserved, placed.order_id), BEGIN + SECOND)):
            with loaded(store, JourneyTables, event) as journeys:
                list(journeys.receive(event, at))
    return placed


def _complete(desk: Desk, order_id: UUID) -> None:
    with desk.store("orders") as store, loaded(store, OrderTables, CompleteOrder(order_id=order_id)) as orders:
        told: OrderClosed = orders.get(order_id).complete(BEGIN + 4 * SECOND)
    for step in ("begin", "conclude"):
        with desk.mongo_store.transaction() as transaction:
            notifications = NotificationCollections(transaction.connection)
            notifications.prefetch([told, *default_templates()])
            if step == "begin":
                for template in default_templates():
                    notifications.put_template(template)
                notifications.begin(told)
            else:
                notifications.conclude(told, Sent())
            notifications.flush()


def test_an_order_is_put_together_from_all_six_stores(desk: Desk, completed: UUID, product: UUID) -> None:
    order = desk.document("orders", "show", completed)

    assert (order["order"]["status"], order["order"]["total_amount"]) == ("COMPLETED", "24.98")
    assert [(line["product_id"], line["quantity"]) for line in order["lines"]] == [(str(product), 2)]
    assert [(one["status"], one["card"]) for one in order["payments"]] == [("AUTHORIZED", "visa **** 4242")]
    assert [(one["quantity"], one["status"]) for one in order["reservations"]] == [(2, "ACTIVE")]
    assert [one["tracking_number"] for one in order["shipments"]] == ["FV123"]
    assert [one["status"] for one in order["mails"]] == ["SENT"]
    assert order["journey"]["current_step"] == "pay"
    assert order["unavailable"] == []


def test_the_timeline_is_one_in_the_order_of_time(desk: Desk, completed: UUID) -> None:
    timeline = desk.document("orders", "show", completed)["timeline"]

    moments = [entry["at"] for entry in timeline]
    assert moments == sorted(moments)
    told = [(entry["context"], entry["what"]) for entry in timeline]
    expected = [
        ("orders", "OrderPlaced"),
        ("inventory", "StockReserved"),
        ("orders", "PaymentAuthorized"),
        ("delivery", "ParcelScheduled"),
        ("orders", "OrderCompleted"),
        ("notifications", "MailSent"),
    ]
    assert [one for one in told if one in expected] == expected
    assert ("coordination", "JourneyBegun") in told


def test_nothing_personal_is_shown_of_an_order(desk: Desk, completed: UUID) -> None:
    for arguments in ((), ("--json",)):
        code, output, _ = desk.run("orders", "show", completed, *arguments)
        assert code == 0
        assert "ja***@shop.example" in output
        for secret in ("jane@", "Jane Roe", "1 Main Street", "010 4477", "tok_visa"):
            assert secret not in output


@pytest.mark.parametrize(
    ("after", "order", "payment"),
    [(0, "PENDING", None), (2.5, "PENDING", "AUTHORIZED"), (9, "COMPLETED", "AUTHORIZED")],
)
def test_an_order_as_of_a_moment_is_what_its_events_tell(
    desk: Desk, completed: UUID, after: float, order: str, payment: str | None
) -> None:
    moment = BEGIN + after * SECOND

    shown = desk.document("orders", "show", completed, "--as-of", moment.isoformat())

    assert (shown["as_of"]["order_status"], shown["as_of"]["payment_status"]) == (order, payment)
    assert all(datetime.fromisoformat(entry["at"]) <= moment for entry in shown["timeline"])
    assert desk.run("orders", "show", completed, "--as-of", "2026-03-01T11:59")[0] == 1


def test_a_rejected_order_is_rejected_as_of_then(desk: Desk, product: UUID) -> None:
    placed = _placed(desk, a_place_order((product, 1)))
    command = RejectOrder(order_id=placed.order_id, reason="pay_refused")
    with desk.store("orders") as store, loaded(store, OrderTables, command) as orders:
        orders.get(placed.order_id).reject("pay_refused", BEGIN + 5 * SECOND)

    shown = desk.document("orders", "show", placed.order_id, "--as-of", "2026-03-01T12:00:05")

    assert shown["as_of"]["order_status"] == "REJECTED"


@pytest.mark.parametrize(("comes_back", "status"), [(True, "RETURNED"), (False, "COMPLETED")])
def test_an_order_that_came_back_or_could_not_is_shown_as_of_then(
    desk: Desk, product: UUID, comes_back: bool, status: str
) -> None:
    placed = _placed(desk, a_place_order((product, 1)))
    _complete(desk, placed.order_id)
    command = ReturnOrder(order_id=placed.order_id, reason="cancelled")
    with desk.store("orders") as store, loaded(store, OrderTables, command) as orders:
        order = orders.get(placed.order_id)
        end = order.take_back if comes_back else order.refuse_return
        end("cancelled", BEGIN + 6 * SECOND)

    before, after = (
        desk.document("orders", "show", placed.order_id, "--as-of", f"2026-03-01T12:00:0{second}") for second in (5, 6)
    )

    assert (before["as_of"]["order_status"], after["as_of"]["order_status"]) == ("COMPLETED", status)
    assert ("OrderReturned" if comes_back else "ReturnRefused") in [entry["what"] for entry in after["timeline"]]


def test_dead_letters_and_what_waits_in_an_outbox_belong_to_the_order(desk: Desk, completed: UUID) -> None:
    dead = capture(correlation_id=completed, error="Timeout()")
    bury(desk, dead)
    for order_id in (completed, uuid4()):
        body = CompleteOrder(order_id=order_id)
        waiting = parcel(Destination("orders", "orders.complete_order"), [first_cause(uuid4(), body, order_id)])
        with desk.store("coordination") as store, store.transaction() as postgres:
            postgres.send([waiting])
        with desk.mongo_store.transaction() as mongo:
            mongo.send([waiting])

    order = desk.document("orders", "show", completed)
    desk.clear()

    assert [(one["context"], one["id"]) for one in order["dead_letters"]] == [("orders", str(dead.id))]
    assert sorted((one["context"], one["type"]) for one in order["outbox"]) == [
        ("coordination", "orders.CompleteOrder.v1"),
        ("notifications", "orders.CompleteOrder.v1"),
    ]
    assert "MessageDied" in [entry["what"] for entry in order["timeline"]]


def test_unknown_ids_are_exit_code_1_and_what_is_no_id_is_exit_code_2(desk: Desk) -> None:
    for command in (("orders", "show"), ("sagas", "show"), ("stock", "show")):
        assert desk.run(*command, uuid4())[0] == 1
    assert desk.run("stock", "show", "CD-unknown")[0] == 1
    assert desk.run("orders", "show", "17")[0] == 2
    assert desk.run("stock", "show", uuid4(), "--as-of", "yesterday")[0] == 2


def test_a_journey_is_shown_with_times_and_gaps(desk: Desk, completed: UUID) -> None:
    saga = desk.document("sagas", "show", completed)["saga"]

    assert (saga["status"], saga["current_step"]) == ("RUNNING", "pay")
    assert datetime.fromisoformat(saga["due_at"]) > BEGIN + SECOND
    assert [(one["what"], one["since_begin_seconds"], one["gap_seconds"]) for one in saga["timeline"]] == [
        ("JourneyBegun", 0.0, 0.0),
        ("StepDone", 1.0, 1.0),
    ]


def test_journeys_are_listed_by_status_step_and_how_long_they_stand_still(desk: Desk, product: UUID) -> None:
    standing, undoing = (_placed(desk, a_place_order((product, 1))).order_id for _ in range(2))
    refused = an_answer(PaymentDeclined, undoing)
    with desk.store("coordination") as store, loaded(store, JourneyTables, refused) as journeys:
        list(journeys.receive(refused, datetime.now(UTC)))

    def listed(*filters: str) -> set[str]:
        return {row["order_id"] for row in desk.document("sagas", "list", *filters)["sagas"]}

    assert listed() >= {str(standing), str(undoing)}
    assert listed("--status", "compensating") == {str(undoing)}
    assert str(standing) in listed("--step", "pay", "--older-than", "5m")
    assert str(undoing) not in listed("--older-than", "5m")
    assert desk.run("sagas", "list", "--status", "COMPLETED")[0] == 1


def test_a_finished_journey_is_listed_only_when_asked_for(desk: Desk, product: UUID) -> None:
    done = _placed(desk, a_place_order((product, 1))).order_id
    with desk.database("coordination") as database:
        database.execute("UPDATE sagas SET status = 'COMPLETED', due_at = NULL WHERE id = %s", (done,))
    try:
        assert str(done) not in desk.run("sagas", "list")[1]
        assert str(done) in desk.run("sagas", "list", "--status", "COMPLETED")[1]
    finally:
        with desk.database("coordination") as database:
            database.execute("UPDATE sagas SET status = 'RUNNING' WHERE id = %s", (done,))


def test_stock_is_shown_by_sku_with_what_holds_it(desk: Desk, product: UUID, completed: UUID) -> None:
    stock = desk.document("stock", "show", "CD-1")

    assert stock["product"]["id"] == str(product)
    assert [(one["on_hand"], one["reserved"], one["available"]) for one in stock["levels"]] == [(10, 2, 8)]
    assert [(one["order_id"], one["quantity"]) for one in stock["reservations"]] == [(str(completed), 2)]
    assert [one["movement"] for one in stock["movements"]] == ["RESERVED", "RECEIVED"]
    assert (stock["explained"], stock["differences"]) == (True, [])


@pytest.mark.usefixtures("completed")
def test_stock_as_of_a_moment_is_rebuilt_from_the_movements(desk: Desk, product: UUID) -> None:
    stock = desk.document("stock", "show", product, "--as-of", BEGIN.isoformat())

    assert [(one["on_hand"], one["reserved"]) for one in stock["levels"]] == [(10, 0)]
    assert [one["movement"] for one in stock["movements"]] == ["RECEIVED"]


def test_every_kind_of_movement_is_explained_and_a_level_that_is_not_is_told(desk: Desk) -> None:
    product, released, shipped, returned = (uuid4() for _ in range(4))
    received = ReceiveStock(delivery_id=uuid4(), product_id=product, warehouse_id=WAREHOUSE, quantity=5)
    with desk.store("inventory") as store:
        with loaded(store, StockTables, received) as stocks:
            stocks.receive(received, BEGIN)
        for order_id in (released, shipped, returned):
            lines = (Line(product_id=product, quantity=2),)
            with loaded(store, StockTables, ReserveStock(order_id=order_id, lines=lines)) as stocks:
                stocks.reserve(order_id, lines, BEGIN)
            with loaded(store, StockTables, ReleaseStock(order_id=order_id, lines=lines)) as stocks:
                stocks.release(order_id, BEGIN) if order_id == released else stocks.ship(order_id, BEGIN)
                if order_id == returned:
                    stocks.restock(order_id, BEGIN)

    levels = desk.document("stock", "show", product)["levels"]
    assert [(one["on_hand"], one["reserved"]) for one in levels] == [(3, 0)]

    with desk.database("inventory") as database:
        database.execute("UPDATE inventory SET quantity_on_hand = 4 WHERE product_id = %s", (product,))
    code, output, _ = desk.run("stock", "show", product)
    assert code == 1
    assert "level 4 on hand, 0 reserved; ledger 3 on hand, 0 reserved" in output
