"""The saga's actors, and whole orders through every context's actors, with messages that overtake each other."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID, uuid4

import pytest
from freezegun import freeze_time

from actors.coordination import advance, intervene, sweep_deadlines
from contexts.catalog.messages import Price, ProductChanged
from contexts.coordination.definitions import journey_id
from contexts.coordination.journey import Journey
from contexts.coordination.journeys import Journeys
from contexts.coordination.messages import CancelOrder, ResumeJourney, RetryStep, ReverseJourney, SweepDeadlines
from contexts.coordination.place_order import PLACE_ORDER
from contexts.coordination.transitions import AT_RISK_MINOR, Status, UnknownJourney
from contexts.delivery.messages import ShipmentScheduled
from contexts.delivery.model import shipment_id
from contexts.inventory.messages import ReceiveStock, ReleaseStock, ReserveStock, StockReserved
from contexts.inventory.model import Hold, NotShipped
from contexts.messages import Message
from contexts.orders.messages import AuthorizePayment, OrderPlaced, PaymentAuthorized, PaymentMethod, PlaceOrder
from contexts.orders.payment import payment_id
from tests.contexts.examples import ADDRESS, NOW, a_place_order, an_answer, an_order

from .platform_in_memory import Platform
from .providers_in_memory import DECLINED_CARD, UNSERVED, UNSTOPPABLE

CD, BOX = UUID(int=1), UUID(int=2)
RECEIVED = 12


def test_an_order_that_was_placed_is_reserved_and_its_answers_move_it_on() -> None:
    journeys, order = Journeys(), an_order()

    (first,) = advance(order, journeys)
    (second,) = advance(an_answer(StockReserved, order.order_id), journeys)

    assert isinstance(first, ReserveStock)
    assert isinstance(second, AuthorizePayment)
    assert list(advance(an_answer(StockReserved, order.order_id), journeys)) == []


def test_an_answer_to_no_journey_is_a_fault() -> None:
    with pytest.raises(UnknownJourney):
        list(advance(an_answer(StockReserved, uuid4()), Journeys()))


def test_the_sweeper_goes_by_the_tick_s_time() -> None:
    journeys, order = Journeys(), an_order()
    with freeze_time(NOW):
        list(advance(order, journeys))

    early = list(sweep_deadlines(SweepDeadlines(at=NOW + timedelta(minutes=1)), journeys))
    late = list(sweep_deadlines(SweepDeadlines(at=NOW + PLACE_ORDER.steps[0].deadline), journeys))

    assert early == []
    assert [type(command) for command in late] == [ReleaseStock]


def test_what_gets_stuck_is_said_aloud_once_with_the_amount_and_without_the_customer(
    caplog: pytest.LogCaptureFixture,
) -> None:
    journeys, order = Journeys(), an_order(total_minor=AT_RISK_MINOR)
    with freeze_time(NOW):
        for kind in (OrderPlaced, StockReserved, PaymentAuthorized, ShipmentScheduled):
            list(advance(order if kind is OrderPlaced else an_answer(kind, order.order_id), journeys))
    at = NOW + PLACE_ORDER.steps[3].deadline

    for tick in (at, at + timedelta(minutes=1)):
        list(sweep_deadlines(SweepDeadlines(at=tick), journeys))

    (line,) = [record for record in caplog.records if record.levelname == "ERROR"]
    said = line.getMessage()
    assert f"order {order.order_id} is stuck in place_order at settle: 500.00 USD at risk" in said
    assert not [word for word in ("Jane", "Main Street", "tok_visa", str(order.customer_id)) if word in said]


def a_shop(chance: Random) -> Platform:
    platform = Platform(chance)
    for product_id in (CD, BOX):
        price = Price(id=uuid4(), price_minor=999, effective_from=NOW)
        told = ProductChanged(
            product_id=product_id, version=1, sku="SKU", name="A CD", status="ACTIVE", prices=(price,)
        )
        platform.orders.copy_prices(told)
        for warehouse in (10, 20):
            delivery = ReceiveStock(
                delivery_id=uuid4(), product_id=product_id, warehouse_id=UUID(int=warehouse), quantity=RECEIVED // 2
            )
            platform.stocks.receive(delivery, NOW)
    return platform


def some_order(chance: Random) -> PlaceOrder:
    refused, unstoppable = (ADDRESS.model_copy(update={"postal_code": code}) for code in (UNSERVED, UNSTOPPABLE))
    return a_place_order(
        *[(chance.choice([CD, BOX]), chance.randint(1, 4)) for _ in range(chance.randint(1, 3))],
        payment=PaymentMethod(token=chance.choices(["tok_visa", DECLINED_CARD], [4, 1])[0]),
        shipping_address=chance.choices([ADDRESS, refused, unstoppable], [4, 1, 1])[0],
    )


def placing(platform: Platform) -> list[Journey]:
    return [journey for journey in platform.journeys.journeys.values() if journey.saga.starts]


def return_of(platform: Platform, journey: Journey) -> Status | None:
    returning = platform.journeys.journeys.get(journey_id("return_order", journey.order.order_id))
    return returning.status if returning else None


def violations(platform: Platform) -> list[str]:
    """Return what is wrong once everything has come to an end."""
    # Here no time passes between attempts: stock that is to come back before it left may be tried to death. It is sent
    # again when it is overdue, as everything that must succeed, so whether it came back is seen by the levels below.
    dead = [(body, fault) for body, fault in platform.dead if not isinstance(fault, NotShipped)]
    found = [f"{type(body).__name__} is dead: {fault!r}" for body, fault in dead]
    for journey in placing(platform):
        order_id = journey.order.order_id
        held = {one.status for one in platform.stocks.reservations.get(order_id, ())}
        payment, parcel = payment_id(order_id), shipment_id(order_id) in platform.parcels.alive
        taken, on_hold = platform.cards.taken.get(payment, 0), platform.cards.held.get(payment, 0)
        ending = (platform.orders.get(order_id).status.value, held, taken, on_hold, parcel)
        whole = ("COMPLETED", {Hold.SHIPPED}, journey.order.total_minor, 0, True)
        nothing = ("REJECTED", held & {Hold.RELEASED}, 0, 0, False)
        back = ("RETURNED", {Hold.RETURNED}, 0, 0, False)
        ends = {
            (Status.COMPLETED, None): whole,
            (Status.COMPLETED, Status.UNDONE): whole,
            (Status.COMPLETED, Status.COMPLETED): back,
            (Status.UNDONE, None): nothing,
        }
        come_to = (journey.status, return_of(platform, journey))
        if ending != ends.get(come_to):
            found.append(f"{come_to} ({journey.reason}) is {ending}")
        if journey.wish and come_to == (Status.COMPLETED, None):
            found.append(f"{journey.wish} was forgotten")
    for product_id, levels in platform.stocks.levels.items():
        sold = sum(
            line.quantity
            for journey in placing(platform)
            for line in journey.order.lines
            if journey.status is Status.COMPLETED and line.product_id == product_id
            if return_of(platform, journey) is not Status.COMPLETED
        )
        if (on_hand := sum(level.on_hand for level in levels)) != RECEIVED - sold:
            found.append(f"{on_hand} on hand of {RECEIVED}, {sold} sold")
    return found


def on_its_way(chance: Random, pass_time: Callable[[timedelta], object]) -> tuple[Platform, Journey]:
    """An order whose parcel is on its way, of which coordination did not hear yet."""
    unstoppable = ADDRESS.model_copy(update={"postal_code": UNSTOPPABLE})
    platform, command = a_shop(chance), a_place_order((CD, 1), shipping_address=unstoppable)
    platform.parcels.faults = 0.5
    platform.say(command)
    while not platform.parcels.alive:
        if not platform.step():
            pass_time(timedelta(minutes=1))
    while platform.step(absent="coordination"):
        pass
    return platform, platform.journeys.journeys[command.order_id]


@pytest.mark.parametrize("seed", range(10))
def test_an_order_that_is_reversed_when_its_parcel_is_on_its_way_is_sold_whole(seed: int) -> None:
    with freeze_time(NOW) as clock:
        platform, journey = on_its_way(Random(seed), clock.tick)
        reversal = ReverseJourney(order_id=journey.order.order_id, by="olga", why="a test")
        platform.say(*intervene(reversal, platform.journeys))
        platform.settle(clock.tick)

    assert "StepNotUndone" in [line.kind for line in journey.history]
    assert (journey.status, return_of(platform, journey)) == (Status.COMPLETED, Status.UNDONE)
    assert violations(platform) == []


def test_an_overdue_order_whose_parcel_is_on_its_way_is_sold_whole_and_nobody_has_it_returned() -> None:
    with freeze_time(NOW) as clock:
        platform, journey = on_its_way(Random(7), clock.tick)
        clock.tick(timedelta(minutes=30))
        platform.say(*platform.journeys.overdue(datetime.now(UTC)))
        platform.settle(clock.tick)

    assert "StepNotUndone" in [line.kind for line in journey.history]
    assert (journey.status, return_of(platform, journey)) == (Status.COMPLETED, None)
    assert violations(platform) == []


@pytest.mark.parametrize("seed", range(20))
def test_an_order_that_is_cancelled_at_the_moment_it_is_placed_is_sold_to_nobody_whatever_comes_first(
    seed: int,
) -> None:
    with freeze_time(NOW) as clock:
        platform, command = a_shop(Random(seed)), a_place_order((CD, 1))
        for said in (command, CancelOrder(order_id=command.order_id)):
            platform.say(said)
        platform.settle(clock.tick)

    (journey,) = platform.journeys.journeys.values()
    assert (journey.status, journey.reason) == (Status.UNDONE, "cancelled")
    assert platform.journeys.early_cancellations == {}
    assert violations(platform) == []


def test_the_cancellation_of_an_order_that_could_not_be_sold_is_no_fault() -> None:
    gone = UUID(int=3)
    price = Price(id=uuid4(), price_minor=999, effective_from=NOW)
    with freeze_time(NOW) as clock:
        platform, command = a_shop(Random(7)), a_place_order((gone, 1))
        platform.orders.copy_prices(
            ProductChanged(product_id=gone, version=1, sku="SKU", name="gone", status="INACTIVE", prices=(price,))
        )
        platform.say(CancelOrder(order_id=command.order_id))
        while platform.step():
            pass
        platform.say(command)
        platform.settle(clock.tick)

    assert platform.orders.get(command.order_id).rejection_reason == "not_on_sale"
    assert (platform.dead, platform.journeys.early_cancellations) == ([], {})


def somebody_s_wish(platform: Platform, wishes: Random) -> Message:
    """A customer who cancels, or an operator who intervenes, at any order whose journey has begun."""
    order_id = wishes.choice(placing(platform)).order.order_id
    if wishes.random() < 0.5:
        return CancelOrder(order_id=order_id, reason="changed my mind")
    return wishes.choice([ResumeJourney, RetryStep, ReverseJourney])(order_id=order_id, by="olga", why="a test")


def run(seed: int, patient: bool, wishes: float = 0.0) -> Platform:
    """Place some orders, do steps in a chance sequence with faults, then let everything come to its end.

    `wishes` is the chance, before each step, that somebody wants it otherwise.
    """
    chance = Random(seed)
    with freeze_time(NOW) as clock:
        platform = a_shop(chance)
        platform.cards.faults = platform.parcels.faults = 0.2
        for _ in range(6):
            platform.say(some_order(chance))
        wishing = Random(seed)
        for _ in range(400):
            if wishing.random() < wishes and placing(platform):
                platform.say(somebody_s_wish(platform, wishing))
            if platform.waiting and chance.random() < (1.0 if patient else 0.95):
                platform.step()
            else:
                clock.tick(timedelta(minutes=5))
                platform.tick()
        platform.settle(clock.tick)
    return platform


@pytest.mark.parametrize("seed", range(20))
def test_whatever_overtakes_what_every_order_is_sold_whole_or_not_at_all(seed: int) -> None:
    platform = run(seed, patient=True)

    assert violations(platform) == []
    assert len(placing(platform)) == 6


def test_whatever_comes_too_late_every_order_is_sold_whole_or_not_at_all() -> None:
    assert [found for seed in range(40) for found in violations(run(seed, patient=False))] == []


def test_whoever_wishes_what_at_whatever_moment_every_order_is_sold_whole_or_returned_whole_or_not_at_all() -> None:
    ends = Counter[tuple[Status, Status | None]]()
    for seed in range(60):
        platform = run(seed, patient=seed % 2 == 0, wishes=0.02)
        assert violations(platform) == [], f"seed {seed}"
        ends.update((journey.status, return_of(platform, journey)) for journey in placing(platform))

    completed, undone = Status.COMPLETED, Status.UNDONE
    assert set(ends) == {(completed, None), (completed, completed), (completed, undone), (undone, None)}


def test_a_booking_of_which_coordination_hears_too_late_is_undone_whole() -> None:
    with freeze_time(NOW) as clock:
        platform, command = a_shop(Random(7)), a_place_order((CD, 1))
        platform.say(command)
        while command.order_id not in platform.shipments.shipments:
            platform.step()
        while platform.step(absent="coordination"):
            pass
        clock.tick(timedelta(minutes=20))
        platform.say(*platform.journeys.overdue(NOW + timedelta(minutes=20)))
        platform.settle(clock.tick)

    (journey,) = platform.journeys.journeys.values()
    assert journey.status is Status.UNDONE
    assert violations(platform) == []
