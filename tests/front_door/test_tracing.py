"""A valid `traceparent` is kept, everything else is replaced."""

import pytest
from front_door.tracing import accepted, new_traceparent

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


def test_a_valid_header_is_accepted_as_it_is() -> None:
    assert accepted(f"00-{TRACE}-{SPAN}-01") == f"00-{TRACE}-{SPAN}-01"


def test_of_a_later_version_the_known_part_is_taken() -> None:
    assert accepted(f"01-{TRACE}-{SPAN}-01-more") == f"00-{TRACE}-{SPAN}-01"


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "nonsense",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"ff-{TRACE}-{SPAN}-01",
        f"01-{TRACE}-{SPAN}-01.more",
        f"00-{TRACE}-{SPAN}-01\n",
    ],
)
def test_an_invalid_header_is_not_accepted(header: str | None) -> None:
    assert accepted(header) is None


def test_a_new_trace_is_valid_and_no_other() -> None:
    first, second = new_traceparent(), new_traceparent()

    assert accepted(first) == first
    assert first[:35] != second[:35]
