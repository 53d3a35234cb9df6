"""Orders in a real PostgreSQL: what was decided is found again, and the prices are copies that never go back."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from psycopg.errors import UniqueViolation

from contexts.catalog.messages import Price, ProductChanged
from contexts.identity import dated
from contexts.orders.messages import (
    CompleteOrder,
    RefuseReturn,
    RejectOrder,
    ReturnOrder,
    ShowOrder,
)
from contexts.orders.model import NoPrice, WrongState
from contexts.orders.model import Status as OrderStatus
from contexts.views import A_MOMENT, AN_HOUR
from persistence.order_views import OrderViews
from persistence.orders import OrderTables
from persistence.postgres_store import PostgresStore

from .conftest import Open
from .placed_orders import ADDRESS, NOW, an_order, on_sale, placed
from .transactions import loaded

PRODUCT = uuid4()


@pytest.fixture
def store(open_store: Open) -> PostgresStore:
    return open_store("orders")


def test_a_price_copy_follows_its_product_and_never_goes_back(store: PostgresStore) -> None:
    price = Price(id=uuid4(), price_minor=999, effective_from=NOW)
    told = [
        ProductChanged(product_id=PRODUCT, version=version, sku="CD", name=name, status="ACTIVE", prices=(price,))
        for version, name in ((1, "first"), (3, "third"), (2, "second"))
    ]
    for event in told:
        with loaded(store, OrderTables, event) as orders:
            orders.copy_prices(event)
    with loaded(store, OrderTables, *told) as orders:
        for event in told:
            orders.copy_prices(event)

    order_id = placed(store, (PRODUCT, 1))

    with loaded(store, OrderTables, CompleteOrder(order_id=order_id)) as orders:
        assert [line.name for line in orders.get(order_id).lines] == ["third"]


def test_an_order_is_found_again_as_it_was_placed(store: PostgresStore) -> None:
    first, second = on_sale(store, 1999), on_sale(store, 1)
    command = an_order((first, 3), (second, 10_000), (first, 1))
    with loaded(store, OrderTables, command) as orders:
        told = orders.place(command, NOW)

    with loaded(store, OrderTables, CompleteOrder(order_id=command.order_id)) as orders:
        order = orders.get(command.order_id)
    assert told.total_minor == order.total_minor == 3 * 1999 + 10_000 + 1999
    assert sorted(map(str, order.lines)) == sorted(map(str, told.lines))
    assert (order.status, order.currency, order.created_at, order.version) == (OrderStatus.PENDING, "USD", NOW, 1)
    assert (order.email, order.phone, order.customer_id) == ("jane@example.com", "+1 555 0100", command.customer.id)
    assert order.shipping_address == ADDRESS.model_dump()
    assert order.billing_address["name"] == "Another"


@pytest.mark.parametrize("order_id", [uuid4(), dated(uuid4(), 1)], ids=["undated", "dated"])
def test_an_order_keeps_the_number_that_was_told(store: PostgresStore, order_id: UUID) -> None:
    command = an_order((on_sale(store, 1999), 1), order_id=order_id)
    with loaded(store, OrderTables, command) as orders:
        told = orders.place(command, NOW)

    with loaded(store, OrderTables, command) as orders:
        assert orders.get(order_id).number == told.order_number
        assert orders.place(command, NOW).order_number == told.order_number


def test_an_order_whose_number_is_taken_draws_another_when_it_is_tried_again(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    draws = iter((5, 5, 6))
    monkeypatch.setattr("contexts.orders.numbers.secrets.randbits", lambda _: next(draws))
    product_id = on_sale(store, 1999)
    ids = [dated(uuid4(), 1) for _ in range(2)]
    placed(store, (product_id, 1), order_id=ids[0])

    with pytest.raises(UniqueViolation, match="order_number"):
        placed(store, (product_id, 1), order_id=ids[1])
    placed(store, (product_id, 1), order_id=ids[1])

    with loaded(store, OrderTables, *(CompleteOrder(order_id=one) for one in ids)) as orders:
        assert [orders.get(one).number[-1] for one in ids] == ["5", "6"]


def test_the_lines_of_an_order_keep_their_places(store: PostgresStore) -> None:
    products = [on_sale(store, minor) for minor in range(100, 108)]
    order_id = placed(store, *((product_id, 1) for product_id in products))

    with loaded(store, OrderTables, CompleteOrder(order_id=order_id)) as orders:
        assert [line.product_id for line in orders.get(order_id).lines] == products
    with loaded(store, OrderViews, ShowOrder(order_id=order_id, reply_to="", query_id=uuid4())) as views:
        view = views.view(order_id)
        assert view is not None
        assert [line["product_id"] for line in view.body["lines"]] == products


def test_placing_an_order_twice_is_placing_it_once(store: PostgresStore) -> None:
    command = an_order((on_sale(store, 100), 1))
    for _ in range(2):
        with loaded(store, OrderTables, command) as orders:
            first, second = orders.place(command, NOW), orders.place(command, NOW + timedelta(days=1))
            assert first == second

    with store.transaction() as transaction:
        rows = transaction.connection.execute(
            "SELECT count(*) FROM order_events WHERE order_id = %s", [command.order_id]
        )
        assert rows.fetchone() == (1,)


def test_an_order_without_a_price_leaves_nothing(store: PostgresStore) -> None:
    command = an_order((on_sale(store, 100), 1), (uuid4(), 1))

    with pytest.raises(NoPrice), loaded(store, OrderTables, command) as orders:
        orders.place(command, NOW)

    with loaded(store, OrderTables, command) as orders, pytest.raises(WrongState):
        orders.get(command.order_id)


def test_both_ends_of_an_order_are_found_again(store: PostgresStore) -> None:
    product_id = on_sale(store, 100)
    completed, rejected = placed(store, (product_id, 1)), placed(store, (product_id, 1))
    complete, reject = CompleteOrder(order_id=completed), RejectOrder(order_id=rejected, reason="pay_refused")
    with loaded(store, OrderTables, complete, reject) as orders:
        orders.get(completed).complete(NOW)
        orders.get(rejected).reject("pay_refused", NOW)

    with loaded(store, OrderTables, complete, reject) as orders:
        one, other = orders.get(completed), orders.get(rejected)
        assert (one.status, one.completed_at, one.rejection_reason) == (OrderStatus.COMPLETED, NOW, None)
        assert (other.status, other.completed_at, other.rejection_reason) == (OrderStatus.REJECTED, NOW, "pay_refused")
        with pytest.raises(WrongState):
            one.reject("late", NOW)
        assert other.reject("another", NOW).reason == "pay_refused"


def completed(store: PostgresStore, product_id: UUID) -> UUID:
    order_id = placed(store, (product_id, 1))
    with loaded(store, OrderTables, CompleteOrder(order_id=order_id)) as orders:
        orders.get(order_id).complete(NOW)
    return order_id


def test_an_order_that_came_back_and_one_that_cannot_are_found_again_and_closed_once(store: PostgresStore) -> None:
    product_id, later = on_sale(store, 100), NOW + timedelta(days=1)
    returned, kept = completed(store, product_id), completed(store, product_id)
    back = ReturnOrder(order_id=returned, reason="cancelled")
    refused = RefuseReturn(order_id=kept, reason="recall_refused")
    for _ in range(2):
        with loaded(store, OrderTables, back, refused) as orders:
            orders.get(returned).take_back(back.reason, later)
            orders.get(kept).refuse_return(refused.reason, later)

    with loaded(store, OrderTables, back, refused) as orders:
        one, other = orders.get(returned), orders.get(kept)
    assert (one.status, one.return_reason, one.returned_at) == (OrderStatus.RETURNED, "cancelled", later)
    assert (one.completed_at, one.return_refusal) == (NOW, None)
    assert (other.status, other.return_refusal, other.returned_at) == (OrderStatus.COMPLETED, "recall_refused", None)
    with store.transaction() as transaction:
        rows = transaction.connection.execute(
            "SELECT event_type, payload FROM order_events WHERE order_id = ANY(%s) AND sequence > 2",
            ([returned, kept],),
        ).fetchall()
    assert sorted(rows) == [
        ("OrderReturned", {"reason": "cancelled"}),
        ("ReturnRefused", {"reason": "recall_refused"}),
    ]


def test_a_completed_order_is_shown_for_a_moment_since_it_may_come_back_and_a_returned_one_for_an_hour(
    store: PostgresStore,
) -> None:
    order_id = completed(store, on_sale(store, 100))
    query = ShowOrder(order_id=order_id, reply_to="", query_id=uuid4())
    with loaded(store, OrderViews, query) as views:
        before = views.view(order_id)
    with loaded(store, OrderTables, ReturnOrder(order_id=order_id, reason="cancelled")) as orders:
        orders.get(order_id).take_back("cancelled", NOW)
    with loaded(store, OrderViews, query) as views:
        after = views.view(order_id)

    assert before is not None
    assert after is not None
    assert (before.body["status"], before.keep_seconds) == ("COMPLETED", A_MOMENT)
    assert (after.body["status"], after.keep_seconds) == ("RETURNED", AN_HOUR)
    assert (after.body["return_reason"], after.body["returned_at"], after.body["return_refusal"]) == (
        "cancelled",
        NOW,
        None,
    )
    assert after.version > before.version
