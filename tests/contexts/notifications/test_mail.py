"""What the mails say: the variables, the default words, and the text beside the HTML."""

from uuid import uuid4

import pytest

from contexts.money import UnknownCurrency
from contexts.notifications.mail import default_templates, mail_context, plain_text
from contexts.notifications.model import OCCASIONS, Template
from contexts.orders.messages import OrderClosed, OrderCompleted, OrderRejected, PricedLine


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
    return kind.model_validate(fields | ({"reason": "pay_refused"} if kind is OrderRejected else {}) | changes)


def test_amounts_are_told_in_the_currencys_own_decimals() -> None:
    assert mail_context(closed())["order"]["total"] == "24.68"
    assert mail_context(closed(currency="JPY"))["order"]["total"] == "2468"
    assert mail_context(closed(total_minor=0))["order"]["total"] == "0.00"


def test_an_amount_in_a_currency_the_shop_does_not_know_is_not_guessed() -> None:
    with pytest.raises(UnknownCurrency):
        mail_context(closed(currency="XXX"))


def test_every_occasion_has_words_by_default() -> None:
    assert {occasion.template for occasion in OCCASIONS.values()} == {words.name for words in default_templates()}


def test_the_confirmation_names_the_order_its_items_and_its_total_and_escapes_what_is_no_html() -> None:
    confirmation = next(words for words in default_templates() if words.name == "order_confirmation")

    subject, html = Template.of(confirmation).render(mail_context(closed()))

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
    rejection = next(words for words in default_templates() if words.name == "order_rejected")

    _, html = Template.of(rejection).render(mail_context(closed(OrderRejected, reason=reason)))

    assert f"because {words}." in html
    assert reason not in html


def test_the_text_says_what_a_reader_of_the_html_sees() -> None:
    page = (
        "<html><head><title>unseen</title><style>p {}</style></head><body><p>Hello\n  <b>Jane</b>,</p>"
        "<table><tr><th>Item</th><th>Price</th></tr>\n\n<tr><td>R&amp;B</td><td>12.34</td></tr></table>Bye<br>bye</body>"
    )

    assert plain_text(page) == "Hello Jane,\nItem Price\nR&B 12.34\nBye\nbye"
