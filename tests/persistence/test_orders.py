"""Orders and payments in a real PostgreSQL: what was decided is found again, to the cent."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg.errors import UniqueViolation

from contexts.catalog.messages import Price, ProductChanged
from contexts.identity import dated
from contexts.messages import Message
from contexts.orders.gateway import Approved, Declined, Unknown
from contexts.orders.messages import (
    Address,
    AuthorizePayment,
    CapturePayment,
    CompleteOrder,
    Customer,
    OrderLine,
    PaymentMethod,
    PlaceOrder,
    RefundPayment,
    RefuseReturn,
    RejectOrder,
    ReturnOrder,
    ReversePayment,
    SettleOrder,
    ShowOrder,
)
from contexts.orders.model import NoPrice, WrongState
from contexts.orders.model import Status as OrderStatus
from contexts.orders.payment import Payment, Status
from contexts.views import A_MOMENT, AN_HOUR
from persistence.order_views import OrderViews
from persistence.orders import OrderTables
from persistence.payments import PaymentTables
from persistence.postgres_store import PostgresStore
from persistence.settlements import SettlementTables

from .conftest import Open
from .transactions import loaded

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PRODUCT = uuid4()
APPROVED = Approved("txn_1", "visa", "4242")
ADDRESS = Address(name='O\'Neil "Žluť"', street="1, {Long} Road\\", city="X", postal_code="1", country="US")


@pytest.fixture
def store(open_store: Open) -> PostgresStore:
    return open_store("orders")


def on_sale(store: PostgresStore, minor: int, currency: str = "USD", begins: datetime = NOW) -> UUID:
    """Tell orders of a product; return it."""
    price = Price(id=uuid4(), price_minor=minor, currency=currency, effective_from=begins)
    event = ProductChanged(
        product_id=uuid4(), version=1, sku="CD-1", name="Ein Bär, 'n Hai", status="ACTIVE", prices=(price,)
    )
    for _ in range(2):
        with loaded(store, OrderTables, event) as orders:
            orders.copy_prices(event)
    return event.product_id


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


def an_order(*lines: tuple[UUID, int], currency: str = "USD", **changes: Any) -> PlaceOrder:
    fields: dict[str, Any] = {
        "order_id": uuid4(),
        "customer": Customer(id=uuid4(), email="jane@example.com", phone="+1 555 0100"),
        "currency": currency,
        "lines": tuple(OrderLine(product_id=product_id, quantity=quantity) for product_id, quantity in lines),
        "shipping_address": ADDRESS,
        "billing_address": ADDRESS.model_copy(update={"name": "Another"}),
        "payment": PaymentMethod(token="tok_visa"),
    }
    return PlaceOrder(**fields | changes)


def placed(store: PostgresStore, *lines: tuple[UUID, int], **changes: Any) -> UUID:
    command = an_order(*lines, **changes)
    with loaded(store, OrderTables, command) as orders:
        orders.place(command, NOW)
    return command.order_id


def on_payment(store: PostgresStore, message: Message, step: Callable[[Payment], Any]) -> Any:
    """Do one step of the payment that a message is about, in a transaction of its own."""
    with loaded(store, PaymentTables, message) as payments:
        return step(payments.of(message.order_id))  # type: ignore[attr-defined]


def authorize(store: PostgresStore, order_id: UUID, outcome: Approved | Declined | Unknown) -> None:
    command = AuthorizePayment(order_id=order_id, card_token="tok_visa")
    on_payment(store, command, lambda payment: payment.authorize("tok_visa", NOW))
    on_payment(store, command, lambda payment: payment.authorized(outcome, NOW))


def payment_of(store: PostgresStore, order_id: UUID) -> Payment:
    """The payment as a fresh repository loads it."""
    with loaded(store, PaymentTables, CapturePayment(order_id=order_id)) as payments:
        return payments.of(order_id)


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


@pytest.mark.parametrize(("currency", "minor"), [("USD", 1), ("JPY", 150), ("EUR", 9_999_999_999)])
def test_amounts_of_every_currency_come_back_to_the_minor_unit(store: PostgresStore, currency: str, minor: int) -> None:
    order_id = placed(store, (on_sale(store, minor, currency), 1), currency=currency)

    assert payment_of(store, order_id).amount_minor == minor


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


def test_a_payment_goes_from_captured_to_refunded_once_when_its_order_returns(store: PostgresStore) -> None:
    order_id = placed(store, (on_sale(store, 1234), 2))
    authorize(store, order_id, APPROVED)
    capture, refund = CapturePayment(order_id=order_id), RefundPayment(order_id=order_id)
    on_payment(store, capture, lambda payment: payment.capture(NOW))
    on_payment(store, capture, lambda payment: payment.captured(APPROVED, NOW))

    first = on_payment(store, refund, lambda payment: payment.refund(NOW))
    assert not on_payment(store, refund, lambda payment: payment.refunded(Unknown("time-out"), NOW))
    again = on_payment(store, refund, lambda payment: payment.refund(NOW))
    assert on_payment(store, refund, lambda payment: payment.refunded(APPROVED, NOW))

    assert (first.idempotency_key, first.transaction_id) == (again.idempotency_key, "txn_1")
    given_back = payment_of(store, order_id)
    assert (given_back.status, given_back.captured_minor, given_back.refunded_minor) == (Status.REFUNDED, 2468, 2468)
    assert on_payment(store, refund, lambda payment: payment.refund(NOW)) is None


def test_a_payment_goes_from_authorised_to_captured_to_refunded(store: PostgresStore) -> None:
    order_id = placed(store, (on_sale(store, 1234), 2))
    authorize(store, order_id, APPROVED)
    held = payment_of(store, order_id)
    assert (held.status, held.amount_minor, held.captured_minor) == (Status.AUTHORIZED, 2468, 0)
    assert (held.transaction_id, held.card_brand, held.card_last_four) == ("txn_1", "visa", "4242")

    capture = CapturePayment(order_id=order_id)
    request = on_payment(store, capture, lambda payment: payment.capture(NOW))
    again = on_payment(store, capture, lambda payment: payment.capture(NOW))
    assert (request.idempotency_key, request.amount_minor) == (again.idempotency_key, 2468)
    assert (request.asked_before, again.asked_before) == (False, True)
    on_payment(store, capture, lambda payment: payment.captured(APPROVED, NOW))
    assert payment_of(store, order_id).captured_minor == 2468

    reverse = ReversePayment(order_id=order_id)
    on_payment(store, reverse, lambda payment: payment.reverse(NOW))
    assert on_payment(store, reverse, lambda payment: payment.reversed(APPROVED, NOW))
    given_back = payment_of(store, order_id)
    assert (given_back.status, given_back.refunded_minor) == (Status.REFUNDED, 2468)


def settled(store: PostgresStore, order_id: UUID) -> tuple[OrderStatus, Status]:
    with loaded(store, SettlementTables, SettleOrder(order_id=order_id)) as known:
        return known.orders.get(order_id).status, known.payments.of(order_id).status


def test_an_order_is_settled_whole_or_not_at_all(store: PostgresStore) -> None:
    order_id = placed(store, (on_sale(store, 1234), 2))
    authorize(store, order_id, APPROVED)
    settle = SettleOrder(order_id=order_id)
    on_payment(store, settle, lambda payment: payment.capture(NOW))

    def dies_before_the_commit() -> None:
        with loaded(store, SettlementTables, settle) as known:
            known.payments.of(order_id).captured(APPROVED, NOW)
            known.orders.get(order_id).complete(NOW)
            known.flush()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        dies_before_the_commit()
    assert settled(store, order_id) == (OrderStatus.PENDING, Status.CAPTURING)

    with loaded(store, SettlementTables, settle) as known:
        known.payments.of(order_id).captured(APPROVED, NOW)
        known.orders.get(order_id).complete(NOW)
    assert settled(store, order_id) == (OrderStatus.COMPLETED, Status.CAPTURED)


def test_who_writes_down_what_became_of_a_payment_does_not_wait_for_who_closes_its_order(store: PostgresStore) -> None:
    order_id = placed(store, (on_sale(store, 1234), 2))

    with loaded(store, OrderTables, RejectOrder(order_id=order_id, reason="pay_refused")):
        authorize(store, order_id, APPROVED)

    assert payment_of(store, order_id).status is Status.AUTHORIZED


def test_an_authorisation_whose_answer_was_lost_is_asked_again_under_the_same_key(store: PostgresStore) -> None:
    order_id = placed(store, (on_sale(store, 500), 1))
    command = AuthorizePayment(order_id=order_id, card_token="tok_visa")
    first = on_payment(store, command, lambda payment: payment.authorize("tok_visa", NOW))
    on_payment(store, command, lambda payment: payment.authorized(Unknown("time-out"), NOW))
    assert payment_of(store, order_id).status is Status.UNKNOWN

    second = on_payment(store, command, lambda payment: payment.authorize("tok_visa", NOW))

    assert (first.idempotency_key, first.asked_before) == (second.idempotency_key, False)
    assert second.asked_before
    assert payment_of(store, order_id).attempts == 2


def test_a_decline_is_found_again_with_its_code(store: PostgresStore) -> None:
    order_id = placed(store, (on_sale(store, 500), 1))
    authorize(store, order_id, Declined("insufficient_funds", "no money"))

    payment = payment_of(store, order_id)
    assert (payment.status, payment.failure_code) == (Status.DECLINED, "insufficient_funds")


def test_a_payment_that_was_reversed_before_it_began_is_never_authorised(store: PostgresStore) -> None:
    order_id = placed(store, (on_sale(store, 500), 1))
    assert on_payment(store, ReversePayment(order_id=order_id), lambda payment: payment.reverse(NOW)) is None

    command = AuthorizePayment(order_id=order_id, card_token="tok_visa")
    assert on_payment(store, command, lambda payment: payment.authorize("tok_visa", NOW)) is None
    assert payment_of(store, order_id).status is Status.VOIDED


def test_every_change_of_an_order_and_its_payment_is_in_the_audit_trail(store: PostgresStore) -> None:
    order_id = placed(store, (on_sale(store, 500), 1))
    authorize(store, order_id, APPROVED)

    with store.transaction() as transaction:
        rows = transaction.connection.execute(
            "SELECT event_type, sequence, payload FROM order_events WHERE order_id = %s ORDER BY 1", (order_id,)
        ).fetchall()
    assert [row[:2] for row in rows] == [("OrderPlaced", 1), ("PaymentAuthorized", 2), ("PaymentAuthorizing", 1)]
    assert rows[0][2] == {"total_minor": 500, "currency": "USD"}


def test_an_order_is_shown_with_everything_personal_masked(store: PostgresStore) -> None:
    order_id = placed(store, (on_sale(store, 500), 2))
    authorize(store, order_id, APPROVED)

    with loaded(store, OrderViews, ShowOrder(order_id=order_id, reply_to="", query_id=uuid4())) as views:
        view = views.view(order_id)
        assert views.view(uuid4()) is None

    assert view is not None
    assert (view.body["total"], view.body["status"]) == ("10.00", "PENDING")
    (payment,) = view.body["payments"]
    assert (payment["card"], payment["status"], payment["amount"]) == ("visa •••• 4242", "AUTHORIZED", "10.00")
    assert "jane@" not in str(view.body)
    assert "555" not in str(view.body)
