"""Servers that live as long as the test session: starting one takes half a second."""

from collections.abc import Iterator

import pytest

from tests.sandboxes.launching import Launch, launcher


@pytest.fixture(scope="session")
def launch() -> Iterator[Launch]:
    """Start a sandbox server; everything started is ended after the session."""
    with launcher() as start:
        yield start
