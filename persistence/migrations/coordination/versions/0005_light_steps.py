"""A step costs less: no trigger on sagas, room on their pages, and payloads of the outbox are compressed lightly.

Revision: 0005. The trigger made PostgreSQL fetch and lock each row once more before an update; workers of this revision
keep `look_at` right themselves. What workers of the revision before make due earlier is looked at no earlier from now
on: stop them first.
"""

from alembic import op

from persistence.migrations.messaging import compress_outbox_by_default, compress_outbox_lightly

revision = "0005"
down_revision = "0004"

# A batch writes a new version of each of its rows, which stand side by side: all of them must fit beside the old ones.
UPGRADE = """
DROP TRIGGER look_when_due ON sagas;
DROP FUNCTION look_when_due;
ALTER TABLE sagas SET (fillfactor = 45);
ALTER TABLE workflows SET (fillfactor = 45)
"""

DOWNGRADE = """
ALTER TABLE workflows SET (fillfactor = 70);
ALTER TABLE sagas SET (fillfactor = 70);
CREATE FUNCTION look_when_due() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    NEW.look_at := NEW.due_at;
    RETURN NEW;
END $$;
CREATE TRIGGER look_when_due BEFORE UPDATE OF due_at ON sagas
    FOR EACH ROW WHEN (NEW.due_at < NEW.look_at) EXECUTE FUNCTION look_when_due()
"""


def upgrade() -> None:
    """Drop the trigger, make room, and change how new payloads are stored."""
    op.execute(UPGRADE)
    compress_outbox_lightly()


def downgrade() -> None:
    """Make the trigger again, and change the rest back."""
    op.execute(DOWNGRADE)
    compress_outbox_by_default()
