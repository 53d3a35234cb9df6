"""What is told to whom, how often, and in whose words; all in memory."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from contexts.notifications.mail import Bounced, MailRequest, Sent, Unknown, default_templates
from contexts.notifications.messages import PutPreferences, PutTemplate
from contexts.notifications.model import (
    NoTemplateError,
    Notification,
    Notifications,
    PreferencesError,
    RenderError,
    Status,
    Template,
)
from contexts.notifications.occasions import notification_key
from contexts.orders.messages import OrderCompleted

CUSTOMER = UUID(int=7)


def completed(**changes: Any) -> OrderCompleted:
    fields: dict[str, Any] = {
        "order_id": uuid4(),
        "order_number": "FV-7",
        "customer_id": CUSTOMER,
        "email": "jane@shop.example",
        "total_minor": 2468,
        "currency": "USD",
        "lines": (),
    }
    return OrderCompleted(**fields | changes)


def words(**changes: Any) -> PutTemplate:
    fields: dict[str, Any] = {
        "template_id": uuid4(),
        "name": "order_confirmation",
        "channel": "email",
        "version": 1,
        "subject": "Order {{ order.number }}",
        "body": "<p>{{ customer.email }}</p>",
        "variables": ("order", "customer"),
    }
    return PutTemplate(**fields | changes)


def preferences(email: dict[str, Any] | None = None, **subscriptions: bool) -> PutPreferences:
    channels = {} if email is None else {"email": email}
    return PutPreferences(customer_id=CUSTOMER, channels=channels, subscriptions=subscriptions)


def begun(notifications: Notifications, event: OrderCompleted) -> MailRequest:
    request = notifications.begin(event)
    assert request is not None
    return request


def the_only(notifications: Notifications) -> Notification:
    (notification,) = notifications.notifications.values()
    return notification


def test_a_customer_without_preferences_gets_mail_at_the_address_given_with_the_order() -> None:
    notifications, event = Notifications(), completed()

    request = begun(notifications, event)

    assert (request.recipient, request.subject, request.order_id) == (
        "jane@shop.example",
        "Order FV-7 Confirmed",
        event.order_id,
    )
    assert (the_only(notifications).status, the_only(notifications).attempts) == (Status.SENDING, 1)


def test_the_preferred_address_goes_before_the_one_given_with_the_order() -> None:
    notifications = Notifications()
    notifications.put_preferences(preferences({"enabled": True, "address": "jane@home.example"}, order_updates=True))

    assert begun(notifications, completed()).recipient == "jane@home.example"


@pytest.mark.parametrize("unwanted", [preferences(order_updates=False), preferences({"enabled": False})])
def test_what_a_customer_does_not_want_is_kept_as_suppressed_and_not_sent(unwanted: PutPreferences) -> None:
    notifications, event = Notifications(), completed()
    notifications.put_preferences(unwanted)

    assert notifications.begin(event) is None
    assert notifications.conclude(event, None).status is Status.SUPPRESSED


def test_other_subscriptions_do_not_touch_mail_about_orders() -> None:
    notifications = Notifications()
    notifications.put_preferences(preferences(promotions=False))

    assert notifications.begin(completed()) is not None


@pytest.mark.parametrize(
    "email", [{}, {"enabled": "yes"}, {"enabled": True, "address": "a b@c"}, {"enabled": True, "address": 5}, "on"]
)
def test_preferences_that_do_not_say_how_to_reach_a_customer_are_refused(email: Any) -> None:
    with pytest.raises(PreferencesError):
        Notifications().put_preferences(preferences(email))


def test_what_was_sent_is_not_sent_again() -> None:
    notifications, event = Notifications(), completed()
    begun(notifications, event)

    assert notifications.conclude(event, Sent()).status is Status.SENT
    assert the_only(notifications).sent_at is not None
    assert notifications.begin(event) is None


def test_two_copies_in_one_batch_make_one_mail() -> None:
    notifications, event = Notifications(), completed()

    assert [notifications.begin(event) is None, notifications.begin(event) is None] == [False, True]
    assert the_only(notifications).attempts == 1


def test_a_mail_whose_answer_was_lost_is_sent_again_under_the_same_message_id() -> None:
    notifications, event = Notifications(), completed()
    first = begun(notifications, event)
    unanswered = notifications.conclude(event, Unknown("connection lost"))
    assert (unanswered.status, unanswered.last_error) == (Status.SENDING, "connection lost")

    later = Notifications()
    later.notifications = notifications.notifications
    again = begun(later, event)

    assert again.message_id == first.message_id
    assert the_only(later).attempts == 2


def test_two_orders_have_two_message_ids() -> None:
    notifications = Notifications()

    ids = {begun(notifications, completed()).message_id for _ in range(2)}

    assert len(ids) == 2


def test_a_bounce_is_final_and_a_late_answer_does_not_change_what_is_final() -> None:
    notifications, event = Notifications(), completed()
    begun(notifications, event)

    assert notifications.conclude(event, Bounced("550 no such mailbox")).status is Status.FAILED
    assert notifications.conclude(event, Sent()).status is Status.FAILED
    assert the_only(notifications).last_error == "550 no such mailbox"


def test_a_mail_that_arrived_stays_sent_whatever_a_late_copy_meets() -> None:
    notifications, event = Notifications(), completed()
    begun(notifications, event)
    notifications.conclude(event, Sent())

    for late in (Bounced("550 no such mailbox"), Unknown("connection lost"), None):
        assert notifications.conclude(event, late).status is Status.SENT
    assert the_only(notifications).last_error is None


def test_the_key_does_not_change_with_the_address() -> None:
    event = completed()

    assert notification_key(event) == notification_key(event.model_copy(update={"email": "other@shop.example"}))


def test_the_shops_own_words_are_used_and_a_later_version_replaces_them() -> None:
    notifications = Notifications()
    notifications.put_template(words(subject="One {{ order.number }}"))
    assert begun(notifications, completed()).subject == "One FV-7"

    notifications.put_template(words(version=2, subject="Two {{ order.number }}"))

    assert begun(notifications, completed()).subject == "Two FV-7"
    assert [template.active for template in notifications.templates.values()] == [False, True]


def test_an_earlier_version_that_comes_late_does_not_come_into_use() -> None:
    notifications = Notifications()
    notifications.put_template(words(version=2, subject="Two"))

    notifications.put_template(words(version=1, subject="One"))

    assert begun(notifications, completed()).subject == "Two"


def test_words_that_were_switched_off_are_not_replaced_by_the_defaults() -> None:
    notifications = Notifications()
    template = Template.of(words())
    notifications.templates[template.name, template.channel, template.version] = Template(
        template.id, template.name, template.channel, 1, template.subject, template.body, template.variables, False
    )

    with pytest.raises(NoTemplateError, match="order_confirmation"):
        notifications.begin(completed())
    assert notifications.notifications == {}


def test_defaults_come_into_the_collection_when_they_are_first_used() -> None:
    notifications = Notifications()
    begun(notifications, completed())

    assert list(notifications.templates) == [("order_confirmation", "email", 1)]
    for command in default_templates():
        notifications.put_template(command)
    assert len(notifications.templates) == len(default_templates())


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        (words(body="{% for %}"), "Expected an expression"),
        (words(body="{{ coupon }}"), "does not declare coupon"),
        (words(subject="{{ order.number"), "end of template"),
    ],
)
def test_a_broken_template_does_not_come_into_use(broken: PutTemplate, why: str) -> None:
    notifications = Notifications()

    with pytest.raises(RenderError, match=why):
        notifications.put_template(broken)
    assert notifications.templates == {}


@pytest.mark.parametrize(
    "lacking",
    [
        words(variables=("order", "customer", "coupon")),
        words(body="{{ order.coupon }}"),
        words(body="{{ 1 / 0 }}"),
        words(body="{{ order.__class__.__mro__ }}"),
    ],
)
def test_a_template_that_cannot_be_rendered_is_an_error_and_no_half_mail(lacking: PutTemplate) -> None:
    notifications = Notifications()
    notifications.put_template(lacking)

    with pytest.raises(RenderError, match=r"template order_confirmation \(email, version 1\)"):
        notifications.begin(completed())
    assert notifications.notifications == {}


def test_html_in_what_a_customer_gave_is_escaped_and_a_subject_stays_one_line() -> None:
    notifications = Notifications()
    notifications.put_template(words(subject="Order {{ order.number }}"))

    request = begun(notifications, completed(order_number="7\r\nBcc: eve@x & Co", email="<b>@shop.example"))

    assert request.subject == "Order 7 Bcc: eve@x & Co"
    assert "&lt;b&gt;@shop.example" in request.html


def test_templates_may_use_what_the_language_has_built_in() -> None:
    notifications = Notifications()

    notifications.put_template(words(body="{% for n in range(3) %}{{ n }}{% endfor %}"))

    assert begun(notifications, completed()).html == "012"
