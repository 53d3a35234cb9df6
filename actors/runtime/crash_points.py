"""Places in the runtime where a process can be made to die as by `kill -9`, to prove that nothing is lost there.

Off, and costing one comparison, unless FIRST_VISCOUNT_CRASH_POINTS names a directory. A file `POINT@ACTOR` in it, such
as `before_commit@inventory.reserve_stock`, is a death that waits; an ACTOR of `any` takes whoever comes first. The
process that renames it to `died-POINT@ACTOR` has claimed the death and dies of it, so that one file kills once.
"""

import os
import signal
from contextlib import suppress
from enum import StrEnum

#: The directory of deaths that wait; None in production.
DIRECTORY = os.environ.get("FIRST_VISCOUNT_CRASH_POINTS") or None

#: Stands for every actor in the name of a death that waits.
ANY_ACTOR = "any"


class CrashPoint(StrEnum):
    """Where a process may die, in the order in which a message passes them.

    The points of an attempt and of a call exist only in actors that ask a party outside; those of putting aside only
    for a message that fails.
    """

    RECEIVED = "received"
    BEFORE_ATTEMPT_COMMIT = "before_attempt_commit"
    BEFORE_CALL = "before_call"
    AFTER_CALL = "after_call"
    BEFORE_COMMIT = "before_commit"
    AFTER_COMMIT = "after_commit"
    BEFORE_PUBLISH = "before_publish"
    AFTER_PUBLISH = "after_publish"
    AFTER_CONFIRM = "after_confirm"
    AFTER_ERASE = "after_erase"
    BEFORE_ACKNOWLEDGEMENT = "before_acknowledgement"
    AFTER_ACKNOWLEDGEMENT = "after_acknowledgement"
    BEFORE_PUTTING_ASIDE = "before_putting_aside"
    AFTER_PUTTING_ASIDE = "after_putting_aside"


def reached(point: CrashPoint, actor: str) -> None:
    """Die here if a death waits for this point and actor (the sender's, the receiver's for points of a publish)."""
    if DIRECTORY is None:
        return
    for whose in (actor, ANY_ACTOR):
        death = f"{point.value}@{whose}"
        with suppress(FileNotFoundError):
            os.rename(f"{DIRECTORY}/{death}", f"{DIRECTORY}/died-{death}")
            os.kill(os.getpid(), signal.SIGKILL)
