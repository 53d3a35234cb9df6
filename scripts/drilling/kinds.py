"""The kinds of fault: how often each comes, how long its recovery is waited for, and whose server it breaks."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

#: Seconds that the next fault waits for the recovery of the last one, at most: of a light one, and of a heavy one.
LIGHT, HEAVY = 4.0, 60.0

_POSTGRESQL = tuple(
    f"{context}_DATABASE_URL" for context in ("COORDINATION", "CATALOG", "INVENTORY", "ORDERS", "DELIVERY")
)


class Kind(StrEnum):
    """What can be done to a running platform."""

    KILL_WORKER = "kill_worker"
    KILL_FRONT_DOOR = "kill_front_door"
    KILL_SCHEDULER = "kill_scheduler"
    KILL_SUPERVISOR = "kill_supervisor"
    CRASH_POINT = "crash_point"
    FREEZE_WORKER = "freeze_worker"
    RABBITMQ_RESTART = "rabbitmq_restart"
    RABBITMQ_CONNECTIONS_CLOSED = "rabbitmq_connections_closed"
    POSTGRESQL_RESTART = "postgresql_restart"
    POSTGRESQL_BACKENDS_TERMINATED = "postgresql_backends_terminated"
    REDIS_FLUSH = "redis_flush"
    REDIS_STOP = "redis_stop"
    MONGODB_STOP = "mongodb_stop"
    GATEWAY_TIMEOUT_AFTER_WORK = "gateway_timeout_after_work"
    CARRIER_TIMEOUT_AFTER_WORK = "carrier_timeout_after_work"
    GATEWAY_ERRORS = "gateway_errors"
    MESSAGES_DUPLICATED = "messages_duplicated"
    MESSAGES_DELAYED = "messages_delayed"
    MESSAGES_REORDERED = "messages_reordered"
    CLOCK_SKEW = "clock_skew"


@dataclass(frozen=True, slots=True)
class Traits:
    """`share`: how many of a deck are of this kind. `patience`: seconds, as above. `private`: variables of servers that
    must be the drill's own for it."""

    share: int
    patience: float = LIGHT
    private: tuple[str, ...] = ()


TRAITS: Mapping[Kind, Traits] = {
    Kind.KILL_WORKER: Traits(6),
    Kind.KILL_FRONT_DOOR: Traits(2),
    Kind.KILL_SCHEDULER: Traits(1),
    Kind.KILL_SUPERVISOR: Traits(2),
    Kind.CRASH_POINT: Traits(10),
    Kind.FREEZE_WORKER: Traits(3),
    Kind.RABBITMQ_RESTART: Traits(1, HEAVY, ("RABBITMQ_URL",)),
    Kind.RABBITMQ_CONNECTIONS_CLOSED: Traits(2, LIGHT, ("RABBITMQ_URL",)),
    Kind.POSTGRESQL_RESTART: Traits(1, HEAVY, _POSTGRESQL),
    Kind.POSTGRESQL_BACKENDS_TERMINATED: Traits(3, LIGHT, _POSTGRESQL),
    Kind.REDIS_FLUSH: Traits(2, LIGHT, ("REDIS_URL",)),
    Kind.REDIS_STOP: Traits(1, HEAVY, ("REDIS_URL",)),
    Kind.MONGODB_STOP: Traits(1, HEAVY, ("NOTIFICATIONS_DATABASE_URL",)),
    Kind.GATEWAY_TIMEOUT_AFTER_WORK: Traits(2, LIGHT, ("PAYMENT_GATEWAY_URL",)),
    Kind.CARRIER_TIMEOUT_AFTER_WORK: Traits(2, LIGHT, ("CARRIER_URL",)),
    Kind.GATEWAY_ERRORS: Traits(2, LIGHT, ("PAYMENT_GATEWAY_URL",)),
    Kind.MESSAGES_DUPLICATED: Traits(3),
    Kind.MESSAGES_DELAYED: Traits(2),
    Kind.MESSAGES_REORDERED: Traits(2),
    Kind.CLOCK_SKEW: Traits(2),
}


def patience(kind: Kind, *, hurrying: bool) -> float:
    """Return the seconds that a recovery is waited for. In a hurry, faults meet what the last one left."""
    return 0.0 if hurrying else TRAITS[kind].patience


def possible(wanted: Collection[Kind], given: Collection[str], *, clocks: bool) -> tuple[list[Kind], list[str]]:
    """Return the wanted kinds that can be had, and a sentence for each that cannot.

    `given` names the variables that are set to servers of the caller's own, which are not broken.
    """
    chosen, left_out = [], []
    for kind in (kind for kind in Kind if kind in wanted):
        theirs = [name for name in TRAITS[kind].private if name in given]
        if theirs:
            left_out.append(f"{kind} is left out: {theirs[0]} is a server of yours")
        elif kind is Kind.CLOCK_SKEW and not clocks:
            left_out.append(f"{kind} is left out: libfaketime is not there and could not be installed")
        else:
            chosen.append(kind)
    return chosen, left_out
