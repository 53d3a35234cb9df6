"""Orders that stand at a step whose answer was lost, for as long as a test wants.

A message without an answer is tried again, with growing waits, and is dead after the tenth time. Here its next try is
put off as soon as the first was in vain, until its order has come to its end: the step is undone while it is under way,
and its last try finds everything undone.
"""

from collections.abc import Sequence
from uuid import UUID

from tests.persistence.virtual_host import eventually

from .platform import Platform

#: The context whose message a step waits for.
ASKED = {"pay": "orders", "ship": "delivery"}

#: No back-off is that long: a row that waits longer was put off here.
IS_PUT_OFF = "available_at > now() + interval '1 hour'"

_ORDER = "(convert_from(payload, 'UTF8')::jsonb -> 0 ->> 'correlation_id')::uuid"
_PUT_OFF = f"""
    UPDATE outbox SET available_at = now() + interval '1 day'
    WHERE attempt > 0 AND NOT {IS_PUT_OFF} AND {_ORDER} = ANY(%s) RETURNING id
"""
_WAITING = f"SELECT {_ORDER} FROM outbox WHERE {IS_PUT_OFF}"
_ENDED = "SELECT id FROM sagas WHERE status IN ('COMPLETED', 'UNDONE') AND id = ANY(%s)"
_MAKE_DUE = f"UPDATE outbox SET available_at = now() WHERE {IS_PUT_OFF} AND {_ORDER} = ANY(%s) RETURNING id"


def stand(platform: Platform, order_ids: Sequence[UUID], step: str, seconds: float) -> None:
    """Return when the step of each of these orders was asked for in vain, and will not be soon again."""
    wanted = set(order_ids)

    def all_are_put_off() -> bool:
        platform.rows(ASKED[step], _PUT_OFF, list(wanted))
        return wanted <= {order_id for (order_id,) in platform.rows(ASKED[step], _WAITING)}

    eventually(all_are_put_off, seconds)
    standing = "SELECT id FROM sagas WHERE status = 'RUNNING' AND current_step = %s AND id = ANY(%s)"
    assert {order_id for (order_id,) in platform.rows("coordination", standing, step, list(wanted))} == wanted


def make_due(platform: Platform) -> None:
    """Let what was put off be tried again, where its order has come to its end."""
    for context in ASKED.values():
        waiting = [order_id for (order_id,) in platform.rows(context, _WAITING)]
        if waiting and (ended := [order_id for (order_id,) in platform.rows("coordination", _ENDED, waiting)]):
            platform.rows(context, _MAKE_DUE, ended)
