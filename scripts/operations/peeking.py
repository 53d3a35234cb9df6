"""How many messages are behind the envelopes of a queue, and how old the oldest is, by peeking at them."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from operations import broker

#: Envelopes of one queue that are peeked at: RabbitMQ holds them all in its memory meanwhile.
MOST_ENVELOPES = 1_000


def peeked(queue: str) -> dict[str, Any]:
    """Return `messages` that are ready, whether that is an estimate, and the oldest's age; raises `ServerAway`."""
    envelopes = broker.peek(queue, MOST_ENVELOPES)
    ready = len(envelopes) + (envelopes[-1]["message_count"] if envelopes else 0)
    return {**_messages(envelopes, ready), "oldest_seconds": _oldest_seconds(envelopes)}


def _messages(envelopes: Sequence[Mapping[str, Any]], ready: int) -> dict[str, Any]:
    """Add up what the headers name; an envelope without one counts as one message, which is the least it has."""
    counts = [one["properties"].get("headers", {}).get("messages") for one in envelopes]
    messages = sum(1 if count is None else int(count) for count in counts)
    if ready > len(envelopes):
        messages = round(messages * ready / len(envelopes))
    return {"messages": messages, "messages_is_estimate": ready > len(envelopes) or None in counts}


def _oldest_seconds(envelopes: Sequence[Mapping[str, Any]]) -> float | None:
    """Return the greatest age that a property tells: publishers write whole seconds."""
    written = [one["properties"]["timestamp"] for one in envelopes if "timestamp" in one["properties"]]
    return max(0.0, time.time() - min(written)) if written else None
