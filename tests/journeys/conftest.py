"""One platform for all journeys; a test that ends processes starts them again."""

from collections.abc import Iterator

import pytest

from contexts.subscriptions import QUEUES

from .platform import SCHEDULER, Platform, platform
from .shop import Shop


@pytest.fixture(scope="session")
def whole_platform() -> Iterator[Platform]:
    """Every worker and the scheduler, running."""
    with platform() as running:
        running.start(*QUEUES, SCHEDULER)
        yield running


@pytest.fixture
def shop(whole_platform: Platform) -> Iterator[Shop]:
    """The shop; after each test every process runs and nothing has died or was parked."""
    whole_platform.start(*whole_platform.ended())  # what a test before this one left ended when it failed
    yield Shop(whole_platform)
    assert whole_platform.ended() == []
    for context in ("coordination", "catalog", "inventory", "orders", "delivery"):
        assert whole_platform.rows(context, "SELECT actor, error FROM dead_letters") == []
    assert whole_platform.documents("dead_letters", {}) == []
    parked = {queue: count for queue, count in whole_platform.host.queues(".XQ").items() if count}
    assert parked == {}
