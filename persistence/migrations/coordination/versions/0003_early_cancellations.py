"""Cancellations that came before their orders.

Revision: 0003, after what is stuck.
"""

from alembic import op

revision = "0003"
down_revision = "0002"

UPGRADE = """
CREATE TABLE early_cancellations (
    order_id UUID PRIMARY KEY,
    reason TEXT NOT NULL,
    at TIMESTAMPTZ NOT NULL
)
"""

# The revision before has no place for a wish that waits: its order would be sold and shipped.
DOWNGRADE = """
LOCK TABLE early_cancellations IN ACCESS EXCLUSIVE MODE;
DO $$ BEGIN
    IF EXISTS (SELECT FROM early_cancellations) THEN
        RAISE EXCEPTION 'Cancellations wait in early_cancellations for their orders: let them end, or delete them.';
    END IF;
END $$;
DROP TABLE early_cancellations
"""


def upgrade() -> None:
    """Create the table."""
    op.execute(UPGRADE)


def downgrade() -> None:
    """Drop the table; raises the database's error while a cancellation waits in it."""
    op.execute(DOWNGRADE)
