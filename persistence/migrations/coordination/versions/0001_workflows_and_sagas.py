"""Workflows, sagas and their events.

Revision: 0001, the first of coordination's history.
"""

from alembic import op

from persistence.migrations.messaging import create_messaging_tables, drop_messaging_tables

revision = "0001"
down_revision = None

WORKFLOWS = """
CREATE TABLE workflows (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    workflow_type VARCHAR(100) NOT NULL,
    status VARCHAR(50) NOT NULL,
    current_step VARCHAR(200),
    context JSONB NOT NULL,
    created_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    completed_at TIMESTAMPTZ
) WITH (fillfactor = 70);
CREATE INDEX idx_status ON workflows (status);
CREATE INDEX idx_created_at ON workflows (created_at);
CREATE INDEX idx_workflow_type ON workflows (workflow_type)
"""

SAGAS = """
CREATE TABLE sagas (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    saga_type VARCHAR(100) NOT NULL,
    associated_id VARCHAR(200) NOT NULL,
    state JSONB NOT NULL,
    version INT NOT NULL DEFAULT 1,
    created_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    definition_version INT NOT NULL DEFAULT 1,
    status VARCHAR(50) NOT NULL DEFAULT 'RUNNING',
    current_step VARCHAR(200),
    due_at TIMESTAMPTZ,
    step_started_at TIMESTAMPTZ
) WITH (fillfactor = 70);
CREATE INDEX idx_associated_id ON sagas (associated_id);
CREATE INDEX idx_saga_type ON sagas (saga_type);
CREATE INDEX idx_sagas_due_at ON sagas (due_at) WHERE status IN ('RUNNING', 'COMPENSATING');
CREATE INDEX idx_sagas_stuck ON sagas (updated_at) WHERE status = 'STUCK'
"""

WORKFLOW_EVENTS = """
CREATE TABLE workflow_events (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    workflow_id UUID NOT NULL REFERENCES workflows (id),
    event_type VARCHAR(100) NOT NULL,
    payload JSONB NOT NULL,
    timestamp TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    sequence INT NOT NULL DEFAULT 0
);
CREATE INDEX idx_workflow_id ON workflow_events (workflow_id);
CREATE INDEX idx_timestamp ON workflow_events (timestamp)
"""


def upgrade() -> None:
    """Create all tables, parents first."""
    create_messaging_tables()
    for statements in (WORKFLOWS, SAGAS, WORKFLOW_EVENTS):
        op.execute(statements)


def downgrade() -> None:
    """Drop all tables with all that is in them."""
    op.execute("DROP TABLE workflow_events, sagas, workflows")
    drop_messaging_tables()
