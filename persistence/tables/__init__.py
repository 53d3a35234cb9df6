"""The tables of the five PostgreSQL contexts as SQLAlchemy Core objects, one MetaData a context."""

from collections.abc import Mapping
from types import MappingProxyType

from sqlalchemy import MetaData

from persistence.tables import catalog, coordination, delivery, inventory, orders

METADATA: Mapping[str, MetaData] = MappingProxyType(
    {
        "coordination": coordination.METADATA,
        "catalog": catalog.METADATA,
        "inventory": inventory.METADATA,
        "orders": orders.METADATA,
        "delivery": delivery.METADATA,
    }
)
"""Each context's tables, by the context's name."""
