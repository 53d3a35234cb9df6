"""Mail as the notifications context sees it: requests in, one outcome each, bounces told apart from lost answers.

And what the mails say where a shop has written no templates of its own.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import unescape
from typing import Any, Protocol
from uuid import NAMESPACE_OID, UUID

from contexts.identity import named
from contexts.money import to_decimal
from contexts.notifications.messages import PutTemplate
from contexts.orders.messages import OrderClosed, OrderRejected, OrderReturned, ReturnRefused

#: The channel that mail is.
EMAIL = "email"


@dataclass(frozen=True, slots=True)
class MailRequest:
    """One mail to one recipient.

    `message_id` is the Message-ID header (RFC 5322, section 3.6.4), the same for every attempt at this mail: SMTP knows
    no exactly-once, but a mailbox may recognise a repeat by it.
    """

    message_id: str
    recipient: str
    subject: str
    html: str
    order_id: UUID

    @property
    def text(self) -> str:
        """What the HTML says, for readers that show none."""
        return plain_text(self.html)


@dataclass(frozen=True, slots=True)
class Sent:
    """The mail server took responsibility for the mail."""


@dataclass(frozen=True, slots=True)
class Bounced:
    """The mail server says no, definitely: this mail will never reach this recipient."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """Not now, or the answer was lost: the mail may be on its way. Send it again under the same Message-ID."""

    reason: str


Outcome = Sent | Bounced | Unknown


class Mail(Protocol):
    """A mail server's front desk."""

    def perform(self, requests: Sequence[MailRequest]) -> Sequence[Outcome]:
        """Send each mail and return its outcome, in the order of the requests.

        Raises nothing for what one mail meets: a fault is an `Unknown` outcome of that mail.
        """
        ...


#: What stands between the texts of a page: what no reader sees, comments, and tags with the name that tells their kind.
_MARKUP = re.compile(
    r"""<(head|script|style)\b [^>]*+> .*? (?: </\1\s*> | \Z)
      | <!-- .*? (?: --> | \Z)
      | </? (?P<tag> [a-z][^\s/<>"']*+) (?: "[^"]*+" | '[^']*+' | [^"'<>] )*+ >
      | <[/!?a-z] [^<>]*+ >""",
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)

#: Blocks begin lines, cells are set apart by a space.
_SET_APART = dict.fromkeys(("br", "div", "h1", "h2", "h3", "li", "p", "table", "tr"), "\n") | {"td": " ", "th": " "}


def plain_text(html: str) -> str:
    """Return the text of an HTML page, without empty lines."""
    marked = _MARKUP.sub(lambda found: _SET_APART.get((found["tag"] or "").lower(), ""), " ".join(html.split()))
    lines = (" ".join(unescape(line).split()) for line in marked.split("\n"))
    return "\n".join(line for line in lines if line)


#: The reason of an order that came to nothing because its customer did not want it any more.
CANCELLED = "cancelled"

#: Why an order came to nothing, as a customer understands it.
_REASONS = {
    CANCELLED: "you cancelled it",
    "reserve_refused": "something you ordered is no longer in stock",
    "pay_refused": "your card was declined",
    "ship_refused": "our carrier cannot deliver to your address",
}

#: Why an order cannot come back, whatever the carrier calls it: the customer is told what to expect.
_ON_ITS_WAY = "your parcel is on its way already and can no longer be stopped"


def mail_context(event: OrderClosed) -> dict[str, Any]:
    """Return the variables of templates: `order`, `customer` and `items`; amounts are decimal text.

    `order.reason` is there for an order that came to nothing or cannot come back, `order.refund` (all that was taken
    for it) for one that came back.
    """

    def amount(minor: int) -> str:
        return str(to_decimal(minor, event.currency))

    items = [
        {
            "sku": line.sku,
            "name": line.name,
            "quantity": line.quantity,
            "unit_price": amount(line.unit_price_minor),
            "total": amount(line.total_minor),
        }
        for line in event.lines
    ]
    order = {
        "id": str(event.order_id),
        "number": event.order_number,
        "total": amount(event.total_minor),
        "currency": event.currency,
    }
    if isinstance(event, OrderRejected):
        order["reason"] = _REASONS.get(event.reason, "it could not be completed")
    elif isinstance(event, ReturnRefused):
        order["reason"] = _ON_ITS_WAY
    elif isinstance(event, OrderReturned):
        order["refund"] = order["total"]
    customer = {"id": str(event.customer_id), "email": event.email}
    return {"order": order, "customer": customer, "items": items}


_BEGIN = """\
<html>
<body>
<p>Hello,</p>
"""

_END = """
<table>
<tr><th>Item</th><th>Quantity</th><th>Price</th></tr>
{% for item in items %}
<tr><td>{{ item.name }} ({{ item.sku }})</td><td>{{ item.quantity }}</td><td>{{ item.total }}</td></tr>
{% endfor %}
</table>
<p>Total: {{ order.total }} {{ order.currency }}</p>
<p>First Viscount</p>
</body>
</html>
"""

_DEFAULTS = {
    "order_confirmation": (
        "Order {{order.number}} Confirmed",
        "<p>thank you for your order {{ order.number }}. It is paid and on its way to you.</p>",
    ),
    "order_rejected": (
        "Order {{order.number}} could not be fulfilled",
        (
            "<p>we are sorry: your order {{ order.number }} was not carried out, because {{ order.reason }}. "
            "You pay nothing; what was held on your card is given back.</p>"
        ),
    ),
    "order_cancelled": (
        "Order {{order.number}} is cancelled",
        (
            "<p>you cancelled your order {{ order.number }}, and so it ends here. Nothing was charged; "
            "what was held on your card is given back.</p>"
        ),
    ),
    "order_returned": (
        "Order {{order.number}} is cancelled, and your money is given back",
        (
            "<p>your order {{ order.number }} was cancelled after we had sent it. Its parcel was stopped: you need to "
            "send nothing back. {{ order.refund }} {{ order.currency }} are given back to your card. "
            "This comes back to us:</p>"
        ),
    ),
    "return_refused": (
        "Order {{order.number}} can no longer be cancelled",
        (
            "<p>we were asked to cancel your order {{ order.number }}. We are sorry: that is not possible any more, "
            "because {{ order.reason }}. Your order stays as it was.</p>"
        ),
    ),
}


def default_templates() -> list[PutTemplate]:
    """Return the first version of every template that an occasion needs, in English."""
    return [
        PutTemplate(
            template_id=named(NAMESPACE_OID, f"{EMAIL}/{name}/1"),
            name=name,
            channel=EMAIL,
            version=1,
            subject=subject,
            body=_BEGIN + what + _END,
            variables=("order", "customer", "items"),
        )
        for name, (subject, what) in _DEFAULTS.items()
    ]
