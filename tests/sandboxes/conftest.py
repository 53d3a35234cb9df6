"""Servers that live as long as one test."""

from collections.abc import Iterator

import pytest

from .launching import Launch, launcher


@pytest.fixture
def launch() -> Iterator[Launch]:
    """Start a sandbox server; everything started is ended after the test."""
    with launcher() as start:
        yield start
