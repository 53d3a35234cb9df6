"""The actor that compares payments with the gateway's records, in both directions; one of the payments' actors."""

from collections.abc import Callable, Iterable, Sequence
from functools import cache

from actors.gateways.payment import payment_gateway_from_environment
from actors.payments import PAYMENTS
from actors.reconciliation import going_on, unanswered
from contexts.messages import Message
from contexts.orders.gateway import ChargePage, ChargesBetween, ChargesOf, Unknown
from contexts.orders.messages import ReconcilePayments, ReversePayment
from contexts.reconciliation import OURS, PAGE
from persistence.payment_reconciliation import PaymentReconciliation

Asked = ChargesOf | ChargesBetween
Answer = tuple[Asked, ChargePage | Unknown]

PAYMENTS.keeps(PaymentReconciliation, PaymentReconciliation)


@cache
def gateway_records() -> Callable[[Sequence[Asked]], list[Answer]]:
    """What the gateway's own records are asked by, one a process; each answer with its question."""
    gateway = payment_gateway_from_environment()
    return lambda questions: [(asked, gateway.report(asked)) for asked in questions]


@PAYMENTS.asks(gateway_records)
def reconcile_payments(command: ReconcilePayments, records: PaymentReconciliation) -> Asked | None:
    """Ask for a page: of the charges of our payments, or of all charges; nothing if there is no look to take."""
    look = records.looks.opened(command)
    if look is None:
        return None
    if command.side == OURS:
        return ChargesOf(records.to_look_up(look, command.after))
    return ChargesBetween(look.since, look.until, command.after or look.position, PAGE)


@PAYMENTS.concludes(reconcile_payments)
def payments_reconciled(
    command: ReconcilePayments, outcome: Answer | None, records: PaymentReconciliation
) -> Iterable[Message]:
    """Enter what differs, have what can be mended reversed, and go on with the next page."""
    # First: to open the look of a message that asked nothing would begin one that no page follows.
    if outcome is None or (look := records.looks.opened(command)) is None:
        return
    asked, page = outcome
    if isinstance(page, Unknown):
        yield from unanswered(command, look, records.looks, page.reason)
        return
    ours = [reference.payment_id for reference in asked.references] if isinstance(asked, ChargesOf) else None
    new = records.compare(look, ours, page.charges)
    orders = records.adopt_holds([one for one in new if one.mendable])
    theirs = len(page.charges) if ours is None else 0
    records.looks.add_up(look, ours=len(ours or ()), theirs=theirs, discovered=len(new), mended=len(orders))
    yield from (ReversePayment(order_id=order_id) for order_id in orders)
    yield from going_on(command, look, records.looks, ours, page.next, page.end)
