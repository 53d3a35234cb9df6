"""The inventory's actors: a message and the stock in, the answer out."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from freezegun import freeze_time

from actors.inventory import (
    expire_reservations,
    order_completed,
    receive_stock,
    release_stock,
    reserve_stock,
    show_stock,
)
from contexts.inventory.messages import (
    ExpireReservations,
    Line,
    ReceiveStock,
    ReleaseStock,
    ReservationExpired,
    ReserveStock,
    ShowStock,
    StockReleased,
    StockReserved,
    StockUnavailable,
)
from contexts.inventory.model import HOLD, Stocks
from contexts.orders.messages import OrderCompleted
from tests.contexts.examples import NOW, an_answer

CD = UUID(int=1)
ORDER = UUID(int=2)


def stock_of(units: int) -> Stocks:
    stocks = Stocks()
    receive_stock(ReceiveStock(delivery_id=uuid4(), product_id=CD, warehouse_id=UUID(int=10), quantity=units), stocks)
    return stocks


def lines(quantity: int) -> tuple[Line, ...]:
    return (Line(product_id=CD, quantity=quantity),)


def reserve(stocks: Stocks, quantity: int, order_id: UUID = ORDER) -> object:
    (answer,) = reserve_stock(ReserveStock(order_id=order_id, lines=lines(quantity)), stocks)
    return answer


def release(stocks: Stocks) -> object:
    (answer,) = release_stock(ReleaseStock(order_id=ORDER, lines=lines(2)), stocks)
    return answer


@freeze_time(NOW)
def test_an_order_that_can_be_held_is_told_until_when() -> None:
    stocks = stock_of(3)

    assert reserve(stocks, 2) == StockReserved(order_id=ORDER, expires_at=NOW + HOLD)
    assert stocks.available(CD) == 1


def test_an_order_that_cannot_be_held_is_told_which_line() -> None:
    stocks = stock_of(3)

    assert reserve(stocks, 4) == StockUnavailable(order_id=ORDER, product_id=CD, requested=4, available=3)
    assert stocks.available(CD) == 3


def test_a_reservation_that_comes_twice_is_answered_the_same() -> None:
    stocks = stock_of(3)

    assert reserve(stocks, 2) == reserve(stocks, 2)
    assert stocks.available(CD) == 1


def test_an_order_is_released_and_told_so_each_time() -> None:
    stocks = stock_of(3)
    reserve(stocks, 2)

    assert release(stocks) == release(stocks) == StockReleased(order_id=ORDER)
    assert stocks.available(CD) == 3


def test_a_release_that_overtakes_its_reservation_wins() -> None:
    stocks = stock_of(3)

    assert release(stocks) == StockReleased(order_id=ORDER)

    assert isinstance(reserve(stocks, 2), StockUnavailable)
    assert stocks.available(CD) == 3


def test_what_the_carrier_fetches_leaves_the_warehouse() -> None:
    stocks = stock_of(3)
    reserve(stocks, 2)
    event = an_answer(OrderCompleted, ORDER)
    assert isinstance(event, OrderCompleted)

    order_completed(event, stocks)

    (level,) = stocks.levels[CD]
    assert (level.on_hand, level.reserved) == (1, 0)


def test_every_order_whose_hold_is_over_is_told() -> None:
    stocks, other = stock_of(3), uuid4()
    reserve(stocks, 1)
    reserve(stocks, 1, other)

    over = datetime.now(UTC) + HOLD + timedelta(seconds=1)
    told = list(expire_reservations(ExpireReservations(at=over), stocks))

    assert told == [ReservationExpired(order_id=ORDER), ReservationExpired(order_id=other)]
    assert list(expire_reservations(ExpireReservations(at=over), stocks)) == []


def test_the_stock_of_a_product_is_shown() -> None:
    stocks = stock_of(3)

    view = show_stock(ShowStock(product_id=CD, reply_to="reader", query_id=uuid4()), stocks)
    nothing = show_stock(ShowStock(product_id=uuid4(), reply_to="reader", query_id=uuid4()), stocks)

    assert view is not None
    assert view.body == {"available": 3}
    assert nothing is None
