"""Checks of an order against its payment, and of the payment against what the gateway took."""

from collections.abc import Iterator

from auditing.facts import OrderFacts
from auditing.report import Violation

#: Payments under which no money is held or kept.
NOTHING_KEPT = frozenset({"DECLINED", "VOIDED", "REFUNDED"})

#: What the one payment of an order is, by the order's status.
IN_THE_END_IS = {"COMPLETED": "CAPTURED", "RETURNED": "REFUNDED"}


def one_payment(facts: OrderFacts) -> Iterator[Violation]:
    """An order has one payment at most."""
    if len(facts.payments) > 1:
        found = ", ".join(f"{one.status} over {one.amount_minor}" for one in facts.payments)
        yield Violation("second_payment", "an order has one payment", f"orders has {found}", facts.order_id)


def never_more_than_the_total(facts: OrderFacts) -> Iterator[Violation]:
    """What the payments took is the order's total at most; what they gave back is what they took at most."""
    captured = sum(one.captured_minor for one in facts.payments)
    refunded = sum(one.refunded_minor for one in facts.payments)
    if facts.order and captured > facts.order.total_minor:
        says = f"the order's total is {facts.order.total_minor}"
        yield Violation("captured_too_much", says, f"its payments captured {captured}", facts.order_id)
    if refunded > captured:
        yield Violation(
            "refunded_too_much", f"its payments captured {captured}", f"refunded {refunded}", facts.order_id
        )


def charged_once(facts: OrderFacts) -> Iterator[Violation]:
    """The gateway took the order's total once at most, under whatever id."""
    taken = [one.captured_minor for one in facts.charges or () if one.captured_minor]
    if facts.order and (len(taken) > 1 or sum(taken) > facts.order.total_minor):
        says = f"the order's total is {facts.order.total_minor}"
        yield Violation("charged_too_much", says, f"the gateway captured {' + '.join(map(str, taken))}", facts.order_id)


def order_and_payment_agree(facts: OrderFacts) -> Iterator[Violation]:
    """A completed order is paid in full, a returned one was and is given back, an undone one keeps nothing."""
    if facts.order is None:
        return
    status, total = facts.order.status, facts.order.total_minor
    found = [(one.status, one.captured_minor, one.refunded_minor) for one in facts.payments]
    agree = True
    if status in IN_THE_END_IS:
        given_back = total if status == "RETURNED" else 0
        agree = found == [(IN_THE_END_IS[status], total, given_back)]
    elif status == "REJECTED":
        agree = all(one.status in NOTHING_KEPT and not one.kept_minor for one in facts.payments)
    if not agree:
        listed = [
            f"{one.status} ({one.captured_minor} captured, {one.refunded_minor} refunded)" for one in facts.payments
        ]
        yield Violation(
            "payment_disagrees", f"the order is {status} over {total}", f"its payment is {_or(listed)}", facts.order_id
        )


def payment_and_charge_agree(facts: OrderFacts) -> Iterator[Violation]:
    """The gateway took and gave back what the payment says, under its id, and holds nothing for an order that ended."""
    if facts.charges is None or facts.order is None:
        return
    said = {one.payment_id: (one.captured_minor, one.refunded_minor) for one in facts.payments if one.captured_minor}
    took = {one.payment_id: (one.captured_minor, one.refunded_minor) for one in facts.charges if one.captured_minor}
    held = [one.payment_id for one in facts.charges if one.is_alive and not one.captured_minor]
    if said != took or held:
        listed = [_amounts(*amounts) for amounts in said.values()]
        at_gateway = [_amounts(*amounts) for amounts in took.values()] + [f"a hold ({one})" for one in held]
        but = f"the gateway has {_or(at_gateway)}"
        if said.keys() != took.keys() and said and took:
            but += " under another id"
        yield Violation("charge_disagrees", f"the payment says {_or(listed)}", but, facts.order_id)


def _amounts(captured: int, refunded: int) -> str:
    return f"captured {captured}, refunded {refunded}"


def _or(listed: list[str]) -> str:
    return ", ".join(listed) or "nothing"


ALWAYS = (one_payment, never_more_than_the_total, charged_once)
IN_THE_END = (order_and_payment_agree, payment_and_charge_agree)
