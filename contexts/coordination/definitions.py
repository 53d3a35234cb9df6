"""Every saga there is, in every version that a stored journey may have begun under."""

from collections.abc import Iterator
from uuid import UUID

from contexts.coordination.place_order import PLACE_ORDER
from contexts.coordination.place_order_1 import PLACE_ORDER_1
from contexts.coordination.return_order import RETURN_ORDER
from contexts.coordination.saga import MisorderedSaga, Saga
from contexts.identity import part
from contexts.messages import JourneyEvent
from contexts.orders.messages import OrderPlaced


class Definitions:
    """Sagas by name and version. An event's type says which saga it belongs to; new journeys begin under the newest."""

    def __init__(self, *sagas: Saga[OrderPlaced]) -> None:
        self._versions = {(saga.name, saga.version): saga for saga in sagas}
        self._newest = {saga.name: saga for saga in sorted(sagas, key=lambda one: one.version)}
        self._hearing: dict[type[JourneyEvent], str] = {}
        if len(self._versions) < len(sagas):
            raise MisorderedSaga(f"two of {[(saga.name, saga.version) for saga in sagas]} are the same")
        for saga in sagas:
            if saga.returned_by and saga.returned_by not in self._newest:
                raise MisorderedSaga(f"{saga.name} is returned by {saga.returned_by}, which is no saga here")
            for event in saga.listens_to():
                if self._hearing.setdefault(event, saga.name) != saga.name:
                    raise MisorderedSaga(f"{event.__name__} belongs to {self._hearing[event]} and to {saga.name}")

    def __getitem__(self, name_and_version: tuple[str, int]) -> Saga[OrderPlaced]:
        """Return one definition; raises `KeyError`."""
        return self._versions[name_and_version]

    def __iter__(self) -> Iterator[Saga[OrderPlaced]]:
        """Yield every definition."""
        return iter(self._versions.values())

    def newest(self, name: str) -> Saga[OrderPlaced]:
        """Return what new journeys begin under; raises `KeyError`."""
        return self._newest[name]

    def hearing(self, event: type[JourneyEvent]) -> str:
        """Return the name of the saga that an event moves; raises `KeyError` for one that moves none."""
        return self._hearing[event]

    def listens_to(self) -> Iterator[type[JourneyEvent]]:
        """Yield every event that moves a journey, once."""
        yield from self._hearing


def journey_id(saga_name: str, order_id: UUID) -> UUID:
    """Return the id of an order's journey: the order's own for the one that places it."""
    return order_id if saga_name == PLACE_ORDER.name else part(order_id, saga_name)


SAGAS = Definitions(PLACE_ORDER_1, PLACE_ORDER, RETURN_ORDER)
