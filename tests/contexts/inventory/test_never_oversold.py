"""Whatever is received, held, released, shipped and returned, in whatever sequence: no more is held than there is."""

from collections import Counter
from uuid import UUID, uuid4

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from contexts.inventory.messages import Line, ReceiveStock
from contexts.inventory.model import (
    GONE,
    HOLD,
    AlreadyShipped,
    Hold,
    Movement,
    NotHeld,
    NotShipped,
    OutOfStock,
    Stocks,
    sum_by_product,
)
from tests.contexts.examples import NOW

PRODUCTS = [UUID(int=number) for number in (1, 2, 3)]
WAREHOUSES = [UUID(int=number) for number in (10, 20, 30)]
ORDERS = [UUID(int=number) for number in range(100, 108)]

products, warehouses, orders = st.sampled_from(PRODUCTS), st.sampled_from(WAREHOUSES), st.sampled_from(ORDERS)
some_lines = st.lists(st.builds(Line, product_id=products, quantity=st.integers(1, 6)), min_size=1, max_size=4)

#: What a movement of one unit adds to what is on hand and to what is held.
EFFECTS = {
    Movement.RECEIVED: (1, 0),
    Movement.RESERVED: (0, 1),
    Movement.RELEASED: (0, -1),
    Movement.SHIPPED: (-1, -1),
    Movement.RETURNED: (1, 0),
}


class Warehouses(RuleBasedStateMachine):
    """A shop's stock beside a plain account of it: units of each product that came, are held and went."""

    def __init__(self) -> None:
        super().__init__()
        self.stock = Stocks()
        self.received: Counter[UUID] = Counter()
        self.shipped: dict[UUID, Counter[UUID]] = {}
        self.held: dict[UUID, Counter[UUID]] = {}
        self.over: set[UUID] = set()

    @rule(product_id=products, warehouse_id=warehouses, quantity=st.integers(1, 10))
    def receive(self, product_id: UUID, warehouse_id: UUID, quantity: int) -> None:
        command = ReceiveStock(delivery_id=uuid4(), product_id=product_id, warehouse_id=warehouse_id, quantity=quantity)
        self.stock.receive(command, NOW)
        self.received[product_id] += quantity

    @rule(order_id=orders, lines=some_lines)
    def reserve(self, order_id: UUID, lines: list[Line]) -> None:
        free = {product_id: self.free(product_id) for product_id in PRODUCTS}
        fits = all(quantity <= free[product_id] for product_id, quantity in sum_by_product(lines).items())
        expected = order_id in self.held or (fits and order_id not in self.over)
        try:
            self.stock.reserve(order_id, lines, NOW)
        except OutOfStock:
            assert not expected
        else:
            assert expected
            self.held.setdefault(order_id, sum_by_product(lines))

    @rule(order_id=orders)
    def release(self, order_id: UUID) -> None:
        shipped = order_id in self.over and self.has(order_id, *GONE)
        try:
            self.stock.release(order_id, NOW)
        except AlreadyShipped:
            assert shipped
        else:
            assert not shipped
            self.held.pop(order_id, None)
            self.over.add(order_id)

    @rule(order_id=orders)
    def ship(self, order_id: UUID) -> None:
        expected = order_id in self.held or self.has(order_id, *GONE)
        try:
            self.stock.ship(order_id, NOW)
        except NotHeld:
            assert not expected
        else:
            assert expected
            if order_id in self.held:
                self.shipped[order_id] = self.held.pop(order_id)
            self.over.add(order_id)

    @rule(order_id=orders)
    def restock(self, order_id: UUID) -> None:
        expected = order_id in self.shipped or self.has(order_id, Hold.RETURNED)
        try:
            self.stock.restock(order_id, NOW)
        except NotShipped:
            assert not expected
        else:
            assert expected
            self.shipped.pop(order_id, None)

    @rule()
    def expire(self) -> None:
        assert set(self.stock.expire(NOW + HOLD)) <= set(self.held)

    def free(self, product_id: UUID) -> int:
        gone = [*self.held.values(), *self.shipped.values()]
        return self.received[product_id] - sum(lines[product_id] for lines in gone)

    def has(self, order_id: UUID, *statuses: Hold) -> bool:
        return any(one.status in statuses for one in self.stock.reservations.get(order_id, ()))

    @invariant()
    def no_more_is_held_than_there_is(self) -> None:
        for listed in self.stock.levels.values():
            for level in listed:
                assert 0 <= level.reserved <= level.on_hand

    @invariant()
    def nothing_is_lost_or_made_up(self) -> None:
        for product_id in PRODUCTS:
            assert self.stock.available(product_id) == self.free(product_id)

    @invariant()
    def the_ledger_replays_to_the_counters(self) -> None:
        replayed: dict[tuple[UUID, UUID], tuple[int, int]] = {}
        for entry in self.stock.ledger:
            key = (entry.product_id, entry.warehouse_id)
            on_hand, reserved = replayed.get(key, (0, 0))
            more_on_hand, more_reserved = EFFECTS[entry.movement]
            replayed[key] = (on_hand + more_on_hand * entry.quantity, reserved + more_reserved * entry.quantity)
            assert replayed[key] == (entry.on_hand_after, entry.reserved_after)
        levels = [level for listed in self.stock.levels.values() for level in listed]
        assert replayed == {(one.product_id, one.warehouse_id): (one.on_hand, one.reserved) for one in levels}

    @invariant()
    def what_is_held_is_what_the_orders_hold(self) -> None:
        active = Counter[tuple[UUID, UUID]]()
        for listed in self.stock.reservations.values():
            for one in listed:
                if one.status is Hold.ACTIVE:
                    active[one.product_id, one.warehouse_id] += one.quantity
        levels = [level for listed in self.stock.levels.values() for level in listed]
        assert +active == +Counter({(one.product_id, one.warehouse_id): one.reserved for one in levels})


TestNothingIsOversold = Warehouses.TestCase
TestNothingIsOversold.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
