"""What is no answer on the list of answers costs nobody the answers behind it."""

from typing import Any
from uuid import uuid4

import pytest

NOISE = (
    b"",
    b"{secret",
    b"\xff",
    b"7",
    b'["secret"]',
    b"{}",
    b'{"query_id": "secret", "view": null}',
    b'{"query_id": 7, "view": null}',
    b'{"query_id": "5b8ffdb5-7e5c-4a50-8b5a-3f1f2f3f9a57"}',
    b'{"query_id": "5b8ffdb5-7e5c-4a50-8b5a-3f1f2f3f9a57", "view": "secret"}',
    b'{"query_id": "5b8ffdb5-7e5c-4a50-8b5a-3f1f2f3f9a57", "view": {"body": ["secret"]}}',
)


def test_malformed_answers_are_logged_without_their_content_and_the_next_one_is_collected(
    door: Any, owner: Any, views: Any, caplog: pytest.LogCaptureFixture
) -> None:
    products = [uuid4(), uuid4()]
    owner("catalog", *(views.catalog(product) for product in products), noise=NOISE)

    statuses = [door.post(door.an_order((product, 1)), key=str(product)).status for product in products]

    assert statuses == [202, 202]
    assert caplog.text.count("An answer cannot be read") == len(NOISE) * len(products)
    assert "secret" not in caplog.text
