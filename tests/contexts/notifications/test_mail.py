"""What the mails say: the variables, the default words, and the text beside the HTML."""

from uuid import uuid4

import pytest

from contexts.money import UnknownCurrency
from contexts.notifications.mail import default_templates, mail_context, plain_text
from contexts.notifications.model import Template
from contexts.notifications.occasions import CANCELLATION, OCCASIONS, notification_key, occasion_of
from contexts.orders.messages import (
    OrderClosed,
    OrderCompleted,
    OrderRejected,
    OrderReturned,
    PricedLine,
    ReturnRefused,
)


def closed(kind: type[OrderClosed] = OrderCompleted, **changes: object) -> OrderClosed:
    """An order of two CDs for 24.68 US dollars."""
    line = PricedLine(
        product_id=uuid4(), sku="CD-1234", name="Kind <of> Blue", quantity=2, unit_price_minor=1234, total_minor=2468
    )
    fields = {
        "order_id": uuid4(),
        "order_number": "FV-7",
        "customer_id": uuid4(),
        "email": "jane@shop.example",
        "total_minor": 2468,
        "currency": "USD",
        "lines": (line,),
    }
    return kind.model_validate({"reason": "pay_refused"} | fields | changes)


def mail_about(event: OrderClosed) -> tuple[str, str]:
    """Render subject and HTML of the mail that tells of an event, in the default words."""
    template = next(words for words in default_templates() if words.name == occasion_of(event).template)
    return Template.of(template).render(mail_context(event))


def test_amounts_are_told_in_the_currencys_own_decimals() -> None:
    assert mail_context(closed())["order"]["total"] == "24.68"
    assert mail_context(closed(currency="JPY"))["order"]["total"] == "2468"
    assert mail_context(closed(total_minor=0))["order"]["total"] == "0.00"


def test_an_amount_in_a_currency_the_shop_does_not_know_is_not_guessed() -> None:
    with pytest.raises(UnknownCurrency):
        mail_context(closed(currency="XXX"))


def test_every_occasion_has_words_by_default() -> None:
    occasions = [*OCCASIONS.values(), CANCELLATION]

    assert {occasion.template for occasion in occasions} == {words.name for words in default_templates()}


def test_the_confirmation_names_the_order_its_items_and_its_total_and_escapes_what_is_no_html() -> None:
    subject, html = mail_about(closed())

    assert subject == "Order FV-7 Confirmed"
    assert "Kind &lt;of&gt; Blue (CD-1234)" in html
    assert "Total: 24.68 USD" in html


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("pay_refused", "your card was declined"),
        ("reserve_refused", "something you ordered is no longer in stock"),
        ("overdue", "it could not be completed"),
    ],
)
def test_the_rejection_says_why_in_a_customers_words(reason: str, words: str) -> None:
    _, html = mail_about(closed(OrderRejected, reason=reason))

    assert f"because {words}." in html
    assert reason not in html


def test_who_cancelled_an_order_is_told_that_nothing_was_charged_and_no_apology_is_made() -> None:
    subject, html = mail_about(closed(OrderRejected, reason="cancelled"))

    assert subject == "Order FV-7 is cancelled"
    assert "you cancelled your order FV-7" in html
    assert "Nothing was charged" in html
    assert "sorry" not in html


def test_a_cancelled_order_is_told_of_once_as_every_other_rejection_is() -> None:
    cancelled = closed(OrderRejected, reason="cancelled")
    refused = cancelled.model_copy(update={"reason": "pay_refused"})

    assert notification_key(cancelled) == notification_key(refused)
    assert occasion_of(cancelled).template != occasion_of(refused).template


def test_an_order_that_came_back_is_told_with_what_is_given_back_for_it_and_what_comes_back() -> None:
    subject, html = mail_about(closed(OrderReturned, reason="cancelled"))

    assert subject == "Order FV-7 is cancelled, and your money is given back"
    assert "24.68 USD are given back to your card" in html
    assert "Kind &lt;of&gt; Blue (CD-1234)" in html


def test_a_return_that_is_refused_is_told_with_a_reason_in_a_customers_words() -> None:
    subject, html = mail_about(closed(ReturnRefused, reason="recall_refused"))

    assert subject == "Order FV-7 can no longer be cancelled"
    assert "because your parcel is on its way already and can no longer be stopped." in html
    assert "recall_refused" not in html


def test_each_end_of_an_order_is_a_mail_of_its_own() -> None:
    order = {"order_id": uuid4(), "customer_id": uuid4()}
    events = [closed(kind, **order) for kind in (OrderCompleted, OrderReturned, ReturnRefused)]

    assert [occasion_of(event).event_type for event in events] == [
        "order_completed",
        "order_returned",
        "return_refused",
    ]
    assert len({notification_key(event) for event in events}) == 3


def test_the_text_says_what_a_reader_of_the_html_sees() -> None:
    page = (
        "<html><head><title>unseen</title><style>p {}</style></head><body><p>Hello\n  <b>Jane</b>,</p>"
        "<table><tr><th>Item</th><th>Price</th></tr>\n\n<tr><td>R&amp;B</td><td>12.34</td></tr></table>Bye<br>bye</body>"
    )

    assert plain_text(page) == "Hello Jane,\nItem Price\nR&B 12.34\nBye\nbye"
