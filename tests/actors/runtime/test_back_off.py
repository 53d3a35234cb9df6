"""How long a failed message waits, and that an inbox remembers it longer."""

from uuid import uuid4

import pytest

from actors.runtime.back_off import INBOX_MEMORY, BackOff, ForgetfulInbox
from contexts.messages import first_cause
from tests.contexts.examples import an_order


def test_each_wait_is_longer_than_the_one_before_until_the_longest() -> None:
    back_off = BackOff(attempts=10, first_seconds=1.0, longest_seconds=16.0)

    for _ in range(100):
        waits = [back_off.seconds(attempt) for attempt in range(1, 9)]
        shortest = [1.0, 2.0, 4.0, 8.0, 16.0, 16.0, 16.0, 16.0]
        assert all(least <= wait <= least * 1.5 for least, wait in zip(shortest, waits, strict=True))


def test_a_message_may_not_be_tried_again_after_the_inbox_forgot_it() -> None:
    with pytest.raises(ForgetfulInbox):
        BackOff(attempts=1000, longest_seconds=3600.0)

    assert BackOff().longest_life_seconds < INBOX_MEMORY


def test_two_copies_of_one_attempt_wait_as_one() -> None:
    order = an_order()
    message = first_cause(uuid4(), order, order.order_id)

    assert BackOff.parcel_id(message.tried_again()) == BackOff.parcel_id(message.tried_again())
    assert BackOff.parcel_id(message.tried_again()) != BackOff.parcel_id(message)
