"""Coordination's tables: workflows for people to look at, sagas for the engine, events as the audit trail, and the
cancellations that came before their orders."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, String, Table, Text, Uuid, text

from persistence.tables.columns import context_metadata, document, identity, moment, moment_of_writing, required_moment
from persistence.tables.messaging import add_messaging_tables

METADATA = context_metadata()
MESSAGING = add_messaging_tables(METADATA)

workflows = Table(
    "workflows",
    METADATA,
    identity(),
    Column("workflow_type", String(100), nullable=False),
    Column("status", String(50), nullable=False),
    Column("current_step", String(200)),
    document("context", nullable=False),
    moment_of_writing("created_at"),
    moment_of_writing("updated_at"),
    moment("completed_at"),
    Index("idx_status", "status"),
    Index("idx_created_at", "created_at"),
    Index("idx_workflow_type", "workflow_type"),
    postgresql_with={"fillfactor": 45},
)

sagas = Table(
    "sagas",
    METADATA,
    identity(),
    Column("saga_type", String(100), nullable=False),
    Column("associated_id", String(200), nullable=False),
    document("state", nullable=False),
    Column("version", Integer, nullable=False, server_default=text("1")),
    moment_of_writing("created_at"),
    moment_of_writing("updated_at"),
    Column("definition_version", Integer, nullable=False, server_default=text("1")),
    Column("status", String(50), nullable=False, server_default="RUNNING"),
    Column("current_step", String(200)),
    moment("due_at"),
    moment("step_started_at"),
    moment("stuck_since"),
    Column("next_action", String(200)),
    Column("at_risk_minor", BigInteger),
    moment_of_writing("look_at"),
    Index("idx_associated_id", "associated_id"),
    Index("idx_saga_type", "saga_type"),
    Index("idx_sagas_look_at", "look_at", postgresql_where=text("status IN ('RUNNING', 'COMPENSATING', 'STUCK')")),
    Index("idx_sagas_stuck", "stuck_since", "next_action", postgresql_where=text("status = 'STUCK'")),
    postgresql_with={"fillfactor": 45},
)

workflow_events = Table(
    "workflow_events",
    METADATA,
    identity(),
    Column("workflow_id", Uuid, ForeignKey("workflows.id"), nullable=False),
    Column("event_type", String(100), nullable=False),
    document("payload", nullable=False),
    moment_of_writing("timestamp"),
    Column("sequence", Integer, nullable=False, server_default=text("0")),
    Index("idx_workflow_id", "workflow_id"),
    Index("idx_timestamp", "timestamp"),
)

early_cancellations = Table(
    "early_cancellations",
    METADATA,
    Column("order_id", Uuid, primary_key=True),
    Column("reason", Text, nullable=False),
    required_moment("at"),
)
