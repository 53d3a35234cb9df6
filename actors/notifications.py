"""The notifications' actors. A mail is recorded as SENDING before it leaves, and what became of it after."""

from actors.gateways.smtp_mail import mail_from_environment
from actors.runtime.context import Context
from actors.runtime.handlers import TryAgain
from contexts.notifications.mail import MailRequest, Outcome, Unknown
from contexts.notifications.messages import PutPreferences, PutTemplate
from contexts.notifications.model import Notifications
from contexts.orders.messages import OrderClosed, OrderCompleted, OrderRejected, OrderReturned, ReturnRefused
from persistence.mongo_store import MongoStore
from persistence.notifications import NotificationCollections

NOTIFICATIONS = Context("notifications", store=MongoStore, repositories={Notifications: NotificationCollections})


@NOTIFICATIONS.actor
def put_template(command: PutTemplate, notifications: Notifications) -> None:
    """Take a version of a template into use; a broken one ends in the dead letters, and the old one stays in use."""
    notifications.put_template(command)


@NOTIFICATIONS.actor
def put_preferences(command: PutPreferences, notifications: Notifications) -> None:
    """Keep how a customer wants to be reached."""
    notifications.put_preferences(command)


@NOTIFICATIONS.asks(mail_from_environment)
def order_completed(event: OrderCompleted, notifications: Notifications) -> MailRequest | None:
    """Write the confirmation of an order, if its customer wants it and has not got it."""
    return notifications.begin(event)


@NOTIFICATIONS.concludes(order_completed)
def confirmation_sent(event: OrderCompleted, outcome: Outcome | None, notifications: Notifications) -> None:
    """Record what became of the confirmation."""
    _conclude(event, outcome, notifications)


@NOTIFICATIONS.asks(mail_from_environment)
def order_rejected(event: OrderRejected, notifications: Notifications) -> MailRequest | None:
    """Write that an order came to nothing, if its customer wants to know and does not yet."""
    return notifications.begin(event)


@NOTIFICATIONS.concludes(order_rejected)
def rejection_sent(event: OrderRejected, outcome: Outcome | None, notifications: Notifications) -> None:
    """Record what became of the mail about the rejection."""
    _conclude(event, outcome, notifications)


@NOTIFICATIONS.asks(mail_from_environment)
def order_returned(event: OrderReturned, notifications: Notifications) -> MailRequest | None:
    """Write that an order came back, and what was given back for it."""
    return notifications.begin(event)


@NOTIFICATIONS.concludes(order_returned)
def return_sent(event: OrderReturned, outcome: Outcome | None, notifications: Notifications) -> None:
    """Record what became of the mail about the return."""
    _conclude(event, outcome, notifications)


@NOTIFICATIONS.asks(mail_from_environment)
def return_refused(event: ReturnRefused, notifications: Notifications) -> MailRequest | None:
    """Write that an order cannot come back."""
    return notifications.begin(event)


@NOTIFICATIONS.concludes(return_refused)
def refusal_sent(event: ReturnRefused, outcome: Outcome | None, notifications: Notifications) -> None:
    """Record what became of the mail about the refused return."""
    _conclude(event, outcome, notifications)


def _conclude(event: OrderClosed, outcome: Outcome | None, notifications: Notifications) -> None:
    notification = notifications.conclude(event, outcome)
    if isinstance(outcome, Unknown) and not notification.is_final:
        raise TryAgain(outcome.reason)
