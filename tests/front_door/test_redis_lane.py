"""Requests share their way to Redis, and each gets its own replies."""

import asyncio
from typing import Any

import pytest
import redis
from front_door.connections import CONNECTIONS
from front_door.problems import Unavailable
from front_door.redis_lane import LARGEST_ROUND_TRIP, Command, RedisLane


class Requests:
    """The lane of a running front door, for requests that come at the same time."""

    def __init__(self, door: Any) -> None:
        self._door = door
        self._lane: RedisLane = door.client.app[CONNECTIONS].redis

    def run(self, *requests: tuple[Command, ...]) -> list[Any]:
        """Run the commands of each request; return the replies to each, or what was raised."""

        async def all_of_them() -> list[Any]:
            futures = [self._lane.run(*commands) for commands in requests]
            return list(await asyncio.gather(*futures, return_exceptions=True))

        return list(self._door.runner.run(all_of_them()))


@pytest.fixture
def requests(door: Any) -> Requests:
    """Requests on their way to Redis."""
    return Requests(door)


def test_more_requests_than_go_into_one_round_trip_get_their_own_replies(requests: Requests) -> None:
    numbers = range(3 * LARGEST_ROUND_TRIP)

    replies = requests.run(*((("SET", f"key-{n}", n, "EX", 60), ("GET", f"key-{n}")) for n in numbers))

    assert replies == [[b"OK", b"%d" % n] for n in numbers]


def test_text_bytes_and_whole_numbers_arrive_as_they_are(requests: Requests, redis_url: str) -> None:
    requests.run((("HSET", "key", "name", "Zoë", "digest", b"\r\n\x00\xff", "count", 7),))

    with redis.Redis.from_url(redis_url) as client:
        assert client.hgetall("key") == {b"name": "Zoë".encode(), b"digest": b"\r\n\x00\xff", b"count": b"7"}


def test_a_command_that_redis_refuses_fails_its_own_request_only(requests: Requests) -> None:
    requests.run((("SET", "text", "one"),))

    refused, other = requests.run((("GET", "text"), ("HGET", "text", "field")), (("GET", "text"),))

    assert isinstance(refused, Unavailable)
    assert other == [b"one"]


def test_a_reply_that_comes_too_late_is_not_taken_for_the_next_command_s(requests: Requests) -> None:
    requests.run((("SET", "text", "one"),))

    ((late,), (after,)) = requests.run((("BLPOP", "nothing", 2),)), requests.run((("GET", "text"),))

    assert isinstance(late, Unavailable)
    assert after == [b"one"]


def test_a_request_that_was_given_up_leaves_the_others_their_replies(door: Any) -> None:
    lane: RedisLane = door.client.app[CONNECTIONS].redis

    async def one_goes() -> list[Any]:
        gone, stays = lane.run(("ECHO", "gone")), lane.run(("ECHO", "stays"))
        gone.cancel()
        return await asyncio.wait_for(stays, 10)

    assert door.runner.run(one_goes()) == [b"stays"]
