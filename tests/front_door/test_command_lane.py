"""Commands that are handed over in the same moment leave together; each client is told for itself."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any
from uuid import uuid4

from front_door.cancel_order import COORDINATION
from front_door.command_lane import CommandLane
from front_door.connections import CONNECTIONS
from front_door.place_order import ORDERS

from contexts.coordination.messages import CancelOrder
from contexts.messages import first_cause
from persistence.amqp import LARGEST_ENVELOPE


def a_command() -> bytes:
    """Return a command as it is sent."""
    order_id = uuid4()
    return first_cause(uuid4(), CancelOrder(order_id=order_id, reason="too late"), order_id).to_json()


def on_the_lane_of(door: Any, act: Callable[[CommandLane], Coroutine[Any, Any, list[Any]]]) -> list[Any]:
    """Do something with the lane of a running front door, in its loop."""
    return list(door.runner.run(act(door.client.app[CONNECTIONS].commands)))


def test_commands_of_one_moment_share_envelopes_as_large_as_may_be(door: Any) -> None:
    async def hand_over(lane: CommandLane) -> list[Any]:
        commands = [a_command() for _ in range(2 * LARGEST_ENVELOPE + 1)]
        return await asyncio.gather(*(lane.hand_over(ORDERS, command, "") for command in commands))

    on_the_lane_of(door, hand_over)

    sizes = [len(stamped) for _, stamped in door.queued()]
    assert sorted(sizes) == [1, LARGEST_ENVELOPE, LARGEST_ENVELOPE]


def test_commands_for_several_actors_go_each_its_way(door: Any) -> None:
    async def hand_over(lane: CommandLane) -> list[Any]:
        return await asyncio.gather(*(lane.hand_over(to, a_command(), "") for to in (ORDERS, COORDINATION, ORDERS)))

    on_the_lane_of(door, hand_over)

    assert [len(stamped) for _, stamped in door.queued("orders")] == [2]
    assert [len(stamped) for _, stamped in door.queued("coordination")] == [1]


def test_a_client_that_goes_takes_no_other_s_command_with_it(door: Any) -> None:
    async def one_goes(lane: CommandLane) -> list[Any]:
        goes, stays = (lane.hand_over(ORDERS, a_command(), "") for _ in range(2))
        goes.cancel()
        return [await asyncio.wait_for(stays, 10)]

    assert on_the_lane_of(door, one_goes) == [None]

    ((_, stamped),) = door.queued()
    assert len(stamped) == 2
