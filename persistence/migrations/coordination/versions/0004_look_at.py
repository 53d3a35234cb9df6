"""When a sweep looks at a journey again: never after `due_at`, and seldom moved, so that a step changes no index.

Revision: 0004, after the early cancellations. Workers of the revision before write no `look_at`: what they begin is
looked at at once, and then put off; what they make due earlier the trigger has looked at earlier.
"""

from alembic import op

revision = "0004"
down_revision = "0003"

UPGRADE = """
ALTER TABLE sagas ADD look_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP;
UPDATE sagas SET look_at = due_at WHERE due_at IS NOT NULL;
UPDATE sagas SET next_action = NULL WHERE status <> 'STUCK' AND next_action IS NOT NULL;
DROP INDEX idx_sagas_due_at;
CREATE INDEX idx_sagas_look_at ON sagas (look_at) WHERE status IN ('RUNNING', 'COMPENSATING', 'STUCK');
CREATE FUNCTION look_when_due() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    NEW.look_at := NEW.due_at;
    RETURN NEW;
END $$;
CREATE TRIGGER look_when_due BEFORE UPDATE OF due_at ON sagas
    FOR EACH ROW WHEN (NEW.due_at < NEW.look_at) EXECUTE FUNCTION look_when_due()
"""

DOWNGRADE = """
DROP TRIGGER look_when_due ON sagas;
DROP FUNCTION look_when_due;
DROP INDEX idx_sagas_look_at;
ALTER TABLE sagas DROP look_at;
CREATE INDEX idx_sagas_due_at ON sagas (due_at) WHERE status IN ('RUNNING', 'COMPENSATING', 'STUCK')
"""


def upgrade() -> None:
    """Add the column, and index it in the place of `due_at`."""
    op.execute(UPGRADE)


def downgrade() -> None:
    """Index `due_at` again, and drop the column."""
    op.execute(DOWNGRADE)
