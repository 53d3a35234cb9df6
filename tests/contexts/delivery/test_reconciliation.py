"""Where a shipment's record and its label differ: every status against every label there can be."""

from dataclasses import replace
from uuid import UUID

import pytest

from contexts.delivery.carrier import Label, Operation
from contexts.delivery.model import Shipment, Status, shipment_id
from contexts.delivery.reconciliation import ShipmentRecord, adopt, differences
from contexts.reconciliation import Kind
from tests.contexts.examples import NOW

ORDER = UUID(int=1)
OURS = ShipmentRecord(shipment_id(ORDER), ORDER, Status.SCHEDULED, "FV1", NOW)
ALIVE = Label(OURS.shipment_id, ORDER, alive=True, tracking_number="FV1")
DEAD = replace(ALIVE, alive=False, tracking_number=None)


def kinds(ours: ShipmentRecord | None, label: Label | None) -> list[Kind]:
    return [one.kind for one in differences(ours, label)]


@pytest.mark.parametrize(
    ("status", "alive", "dead", "none"),
    [
        (Status.PENDING, [Kind.UNFINISHED], [Kind.UNFINISHED], [Kind.UNFINISHED]),
        (Status.SCHEDULED, [], [Kind.DIFFERENT_STATE], [Kind.MISSING_THERE]),
        (Status.REFUSED, [Kind.DIFFERENT_STATE], [], []),
        (Status.CANCELLED, [Kind.DIFFERENT_STATE], [], []),
        (Status.RECALLED, [Kind.DIFFERENT_STATE], [], []),
    ],
)
def test_a_shipment_differs_just_where_its_label_is_not_as_it_should_be(
    status: Status, alive: list[Kind], dead: list[Kind], none: list[Kind]
) -> None:
    ours = replace(OURS, status=status)

    assert (kinds(ours, ALIVE), kinds(ours, DEAD), kinds(ours, None)) == (alive, dead, none)


def test_only_a_live_label_can_be_missing_here() -> None:
    assert (kinds(None, ALIVE), kinds(None, DEAD), kinds(None, None)) == ([Kind.MISSING_HERE], [], [])


def test_a_label_of_another_number_is_another_label() -> None:
    assert kinds(OURS, replace(ALIVE, tracking_number="FV2")) == [Kind.OTHER_LABEL]


def test_a_label_that_tells_no_order_is_listed_all_the_same() -> None:
    (found,) = differences(None, replace(ALIVE, order_id=None))

    assert found.order_id == ALIVE.shipment_id


@pytest.mark.parametrize("status", Status)
def test_only_a_live_label_of_a_cancelled_shipment_can_be_mended(status: Status) -> None:
    found = list(differences(replace(OURS, status=status), ALIVE))

    assert any(one.mendable for one in found) == (status is Status.CANCELLED)


@pytest.mark.parametrize("status", Status)
def test_a_label_is_adopted_by_a_cancelled_shipment_only_and_then_cancelled(status: Status) -> None:
    shipment = Shipment(ORDER, "sandbox", "STANDARD", {}, 1, status, attempts=1)

    assert adopt(shipment, "FV1") == (status is Status.CANCELLED)

    if status is Status.CANCELLED:
        request = shipment.cancel()
        assert request is not None
        assert request.operation is Operation.CANCEL
    else:
        assert (shipment.status, shipment.version) == (status, 0)
