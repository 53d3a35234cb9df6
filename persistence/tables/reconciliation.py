"""The tables of reconciliation: the looks that were taken, and what was found different."""

from sqlalchemy import BigInteger, Boolean, Column, Index, MetaData, String, Table, Text, Uuid, text

from persistence.tables.columns import document, moment, required_moment


def add_reconciliation_tables(metadata: MetaData, subject: str) -> tuple[Table, Table]:
    """Define `reconciliations` and `<subject>_discrepancies`; `subject` is `payment` or `shipment`."""
    return _looks(metadata), _discrepancies(metadata, subject)


def _looks(metadata: MetaData) -> Table:
    """The looks under way, the clock's last finished one, from which its next begins, and the operators'."""
    return Table(
        "reconciliations",
        metadata,
        Column("id", Uuid, primary_key=True),
        Column("by_clock", Boolean, nullable=False),
        required_moment("since"),
        required_moment("until"),
        Column("position", Text, nullable=False),  # in the list of a party whose list only grows
        Column("ours", BigInteger, nullable=False, server_default=text("0")),
        Column("theirs", BigInteger, nullable=False, server_default=text("0")),
        Column("discovered", BigInteger, nullable=False, server_default=text("0")),
        Column("mended", BigInteger, nullable=False, server_default=text("0")),
        Column("error", Text),
        required_moment("started_at"),
        required_moment("touched_at"),
        moment("finished_at"),
    )


def _discrepancies(metadata: MetaData, subject: str) -> Table:
    """One row a subject and kind, however often it is seen; resolved when a later look finds it gone."""
    name = f"{subject}_discrepancies"
    return Table(
        name,
        metadata,
        Column("id", Uuid, primary_key=True),
        Column(f"{subject}_id", Uuid, nullable=False),
        Column("order_id", Uuid, nullable=False),
        Column("kind", String(50), nullable=False),
        document("ours"),
        document("theirs"),
        required_moment("first_seen"),
        required_moment("last_seen"),
        moment("resolved_at"),
        Index(f"idx_{name}_open", f"{subject}_id", postgresql_where=text("resolved_at IS NULL")),
        Index(f"idx_{name}_order_id", "order_id"),
    )


def change_index(name: str) -> Index:
    """The index that finds what changed in a window: block ranges, since rows change roughly in the order of time."""
    return Index(
        name,
        "updated_at",
        postgresql_using="brin",
        postgresql_with={"pages_per_range": 32, "autosummarize": True},
    )
