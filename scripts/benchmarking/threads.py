"""Work of minutes in another thread that a Ctrl-C can end."""

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def in_a_thread(work: Callable[[threading.Event], T]) -> T:
    """Run work in another thread. Cancelled, it sets the event, and ends when the work has ended because of that."""
    stopped = threading.Event()
    thread = asyncio.ensure_future(asyncio.to_thread(work, stopped))
    try:
        await asyncio.wait([thread])
    except asyncio.CancelledError:
        stopped.set()
        await asyncio.gather(thread, return_exceptions=True)
        raise
    return thread.result()
