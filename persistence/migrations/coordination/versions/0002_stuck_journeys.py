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

# The code of the revision before knows neither what is stuck nor returns: nobody would look after either.
DOWNGRADE = """
LOCK TABLE sagas IN ACCESS EXCLUSIVE MODE;
DO $$ BEGIN
    IF EXISTS (SELECT FROM sagas WHERE status = 'STUCK') THEN
        RAISE EXCEPTION 'There are STUCK journeys, which the revision before does not know: resume them first.';
    END IF;
    IF EXISTS (
        SELECT FROM sagas WHERE saga_type = 'return_order' AND status NOT IN ('COMPLETED', 'UNDONE')
    ) THEN
        RAISE EXCEPTION 'There are unfinished returns, which the revision before does not know: let them end first.';
    END IF;
END $$;
DROP INDEX idx_sagas_due_at, idx_sagas_stuck;
ALTER TABLE sagas DROP stuck_since, DROP next_action, DROP at_risk_minor;
CREATE INDEX idx_sagas_due_at ON sagas (due_at) WHERE status IN ('RUNNING', 'COMPENSATING');
CREATE INDEX idx_sagas_stuck ON sagas (updated_at) WHERE status = 'STUCK'
"""


def upgrade() -> None:
    """Add the columns, and make both indexes anew."""
    op.execute(UPGRADE)


def downgrade() -> None:
    """Take columns and indexes back; raises the database's error while a journey is STUCK or a return unfinished."""
    op.execute(DOWNGRADE)
