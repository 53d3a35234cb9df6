"""The tables each PostgreSQL context needs to neither lose a message nor handle one twice."""

from dataclasses import dataclass

from sqlalchemy import CheckConstraint, Column, Index, Integer, LargeBinary, MetaData, String, Table, Text, Uuid, text

from persistence.tables.columns import document, identity, moment, moment_of_writing


@dataclass(frozen=True, slots=True)
class MessagingTables:
    """The inbox, outbox and dead letters of one context's database."""

    inbox: Table
    outbox: Table
    dead_letters: Table


def add_messaging_tables(metadata: MetaData) -> MessagingTables:
    """Define the three tables in `metadata`; call it once a context."""
    return MessagingTables(_inbox(metadata), _outbox(metadata), _dead_letters(metadata))


def _inbox(metadata: MetaData) -> Table:
    """The ids of the messages whose effects are in this database."""
    return Table(
        "inbox",
        metadata,
        Column("id", Uuid, primary_key=True),
        moment_of_writing("received_at"),
        # Rows arrive in time order, so a block range index finds the old ones and costs inserts next to nothing.
        Index("idx_inbox_received_at", "received_at", postgresql_using="brin"),
    )


def _outbox(metadata: MetaData) -> Table:
    """Envelopes that were decided and are not yet confirmed by the broker."""
    return Table(
        "outbox",
        metadata,
        identity(),
        Column("queue", Text, nullable=False),
        Column("actor", Text, nullable=False),
        Column("payload", LargeBinary, nullable=False),
        Column("message_count", Integer, nullable=False, server_default=text("1")),
        Column("attempt", Integer, nullable=False, server_default=text("0")),
        Column("last_error", Text),
        moment_of_writing("created_at"),
        moment_of_writing("available_at"),
        Index("idx_outbox_available_at", "available_at"),
    )


def _dead_letters(metadata: MetaData) -> Table:
    """Messages that failed their last attempt and wait for an operator; they never expire."""
    return Table(
        "dead_letters",
        metadata,
        Column("id", Uuid, primary_key=True),
        Column("queue", Text),
        Column("actor", Text),
        Column("message_type", Text),
        Column("correlation_id", Uuid),
        document("payload", nullable=False),
        Column("attempts", Integer, nullable=False),
        Column("error", Text, nullable=False),
        Column("traceback", Text, nullable=False),
        Column("status", String(20), nullable=False, server_default="DEAD"),
        moment_of_writing("died_at"),
        moment("resolved_at"),
        Column("resolved_by", Text),
        Column("note", Text),
        CheckConstraint("status IN ('DEAD', 'RETRIED', 'DISCARDED')", name="status"),
        Index("idx_dead_letters_status_died_at", "status", "died_at"),
        Index("idx_dead_letters_correlation_id", "correlation_id"),
    )
