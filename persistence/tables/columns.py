"""Columns, types and names that the tables of every context share."""

import datetime
import decimal
import uuid
from typing import Any

from sqlalchemy import Column, DateTime, MetaData, Numeric, String, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB, base
from sqlalchemy.types import UserDefinedType

# The names PostgreSQL itself gives to constraints without one, so that models and migrations in plain SQL agree.
_POSTGRESQL_NAMES = {
    "pk": "%(table_name)s_pkey",
    "uq": "%(table_name)s_%(column_0_N_name)s_key",
    "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
    "ck": "%(table_name)s_%(constraint_name)s_check",
}

NOW = text("CURRENT_TIMESTAMP")
"""Server default: the start of the transaction."""


class Ltree(UserDefinedType[str]):
    """A label path such as `music.jazz.bebop`, of PostgreSQL's ltree extension."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        """The type's name in DDL."""
        return "LTREE"


base.ischema_names["ltree"] = Ltree  # so that reflection knows the type


def context_metadata() -> MetaData:
    """An empty MetaData whose constraints are named as PostgreSQL would name them."""
    return MetaData(naming_convention=_POSTGRESQL_NAMES)


def identity() -> Column[uuid.UUID]:
    """The primary key `id`; the server makes one up where the writer gives none."""
    return Column("id", Uuid, primary_key=True, server_default=text("gen_random_uuid()"))


def moment(name: str) -> Column[datetime.datetime]:
    """A point in time that may be unknown or still to come; with time zone, in UTC."""
    return Column(name, DateTime(timezone=True))


def required_moment(name: str) -> Column[datetime.datetime]:
    """A point in time that the writer must give."""
    return Column(name, DateTime(timezone=True), nullable=False)


def moment_of_writing(name: str) -> Column[datetime.datetime]:
    """A point in time that is the transaction's start unless the writer says otherwise."""
    return Column(name, DateTime(timezone=True), nullable=False, server_default=NOW)


def money(name: str) -> Column[decimal.Decimal]:
    """An amount in major units (dollars) with two decimals; at most 99,999,999.99."""
    return Column(name, Numeric(10, 2), nullable=False)


def money_from_zero(name: str, *, nullable: bool = False) -> Column[decimal.Decimal]:
    """An amount in major units that is 0 until the writer says otherwise."""
    return Column(name, Numeric(10, 2), nullable=nullable, server_default=text("0"))


def currency(*, default: str | None = "USD") -> Column[str]:
    """An ISO 4217 currency code."""
    return Column("currency", String(3), nullable=False, server_default=default)


def document(name: str, *, nullable: bool = True) -> Column[Any]:
    """A JSON document, stored as jsonb. A Python None is SQL NULL, never JSON null."""
    return Column(name, JSONB(none_as_null=True), nullable=nullable)
