"""What is stuck: since when, what happens next, and how much money depends on it. A sweep looks after it too.

Revision: 0002, after workflows, sagas and their events.
"""

from alembic import op

revision = "0002"
down_revision = "0001"

UPGRADE = """
ALTER TABLE sagas ADD stuck_since TIMESTAMPTZ, ADD next_action VARCHAR(200), ADD at_risk_minor BIGINT;
DROP INDEX idx_sagas_due_at, idx_sagas_stuck;
CREATE INDEX idx_sagas_due_at ON sagas (due_at) WHERE status IN ('RUNNING', 'COMPENSATING', 'STUCK');
CREATE INDEX idx_sagas_stuck ON sagas (stuck_since, next_action) WHERE status = 'STUCK'
"""

# What is stuck goes back to the course it was on: the revision before knew no other.
DOWNGRADE = """
DROP INDEX idx_sagas_due_at, idx_sagas_stuck;
UPDATE workflows w SET status = s.state->>'course' FROM sagas s WHERE s.id = w.id AND s.status = 'STUCK';
UPDATE sagas SET status = state->>'course' WHERE status = 'STUCK';
ALTER TABLE sagas DROP stuck_since, DROP next_action, DROP at_risk_minor;
CREATE INDEX idx_sagas_due_at ON sagas (due_at) WHERE status IN ('RUNNING', 'COMPENSATING');
CREATE INDEX idx_sagas_stuck ON sagas (updated_at) WHERE status = 'STUCK'
"""


def upgrade() -> None:
    """Add the columns, and make both indexes anew."""
    op.execute(UPGRADE)


def downgrade() -> None:
    """Take columns and indexes back."""
    op.execute(DOWNGRADE)
