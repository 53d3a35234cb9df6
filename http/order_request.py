"""What a client may send as an order, and how it becomes the command. Stricter than the wire: nothing unknown."""

from typing import Annotated, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from contexts.identity import named
from contexts.money import MINOR_DIGITS
from contexts.orders.messages import Address, Customer, OrderLine, PaymentMethod, PlaceOrder

from .problems import INVALID_ORDER, Fault, Problem
from .validation import told, validated

#: Units of one product in one order, at most.
LARGEST_QUANTITY = 10_000

#: A customer whom the client gives no id is known by e-mail address.
CUSTOMERS = UUID("5b8ffdb5-7e5c-4a50-8b5a-3f1f2f3f9a57")

_STRICT = ConfigDict(frozen=True, extra="forbid", strict=True)


def _taken(currency: str) -> str:
    if currency not in MINOR_DIGITS:
        raise PydanticCustomError(
            "currency", "Input should be one of {codes}", {"codes": ", ".join(sorted(MINOR_DIGITS))}
        )
    return currency


class LineRequest(OrderLine):
    """A line as the client writes it."""

    model_config = _STRICT


class AddressRequest(Address):
    """An address as the client writes it."""

    model_config = _STRICT


class PaymentRequest(PaymentMethod):
    """How the client pays: always a token, never a card number."""

    model_config = _STRICT


class CustomerRequest(BaseModel):
    """Who orders; bounds as in `Customer`."""

    model_config = _STRICT
    id: UUID | None = None
    email: Annotated[str, Field(max_length=320, pattern=r"^[^@\s]+@[^@\s]+$")]
    phone: Annotated[str, Field(min_length=1, max_length=32)] | None = None

    def named(self) -> Customer:
        """Return the customer with an id: the same one for the same e-mail address, however it is capitalised."""
        identity = self.id or named(CUSTOMERS, self.email.lower())
        return Customer(id=identity, email=self.email, phone=self.phone)


class OrderRequest(BaseModel):
    """The body of `POST /v1/orders`."""

    model_config = _STRICT
    customer: CustomerRequest
    currency: Annotated[str, AfterValidator(_taken)]
    lines: Annotated[tuple[LineRequest, ...], Field(min_length=1, max_length=100)]
    shipping_address: AddressRequest
    billing_address: AddressRequest | None = None
    shipping_method: Annotated[str, Field(min_length=1, max_length=50)] = "STANDARD"
    payment: PaymentRequest

    @classmethod
    def parse(cls, body: bytes) -> Self:
        """Read valid JSON; raises `Problem` that names every member that is wrong."""
        return validated(cls, body, INVALID_ORDER)

    def first_lines(self) -> dict[UUID, int]:
        """Return each product with the index of its first line."""
        return {line.product_id: index for index, line in reversed(list(enumerate(self.lines)))}

    def command(self, order_id: UUID, customer: Customer) -> PlaceOrder:
        """Return the command; raises `Problem` when the lines of one product ask for too much together."""
        return PlaceOrder(
            order_id=order_id,
            customer=customer,
            currency=self.currency,
            lines=self._summed(),
            shipping_address=self.shipping_address,
            billing_address=self.billing_address or self.shipping_address,
            shipping_method=self.shipping_method,
            payment=self.payment,
        )

    def _summed(self) -> tuple[OrderLine, ...]:
        if len(self.lines) == 1:  # most orders: nothing to sum up
            return self.lines
        wanted: dict[UUID, int] = {}
        for index, line in enumerate(self.lines):
            wanted[line.product_id] = quantity = wanted.get(line.product_id, 0) + line.quantity
            if quantity > LARGEST_QUANTITY:
                fault = Fault(
                    f"/lines/{index}/quantity", f"at most {LARGEST_QUANTITY} of one product, all lines together"
                )
                raise Problem(INVALID_ORDER, told([fault]), [fault])
        return tuple(OrderLine(product_id=product, quantity=quantity) for product, quantity in wanted.items())
