"""Why the carrier would not stop a parcel: a definite answer, so that it is asked once.

Revision: 0002, after shipments and tracking.
"""

from alembic import op

revision = "0002"
down_revision = "0001"

REFUSE = """
DO $$ BEGIN
    LOCK TABLE shipments IN ACCESS EXCLUSIVE MODE;
    IF EXISTS (SELECT FROM shipments WHERE status = 'RECALLED') THEN
        RAISE EXCEPTION 'there are RECALLED shipments, which no earlier version understands: nothing was changed';
    END IF;
END $$
"""


def upgrade() -> None:
    """Add the column."""
    op.execute("ALTER TABLE shipments ADD COLUMN recall_refusal VARCHAR(100)")


def downgrade() -> None:
    """Drop the column. Refused while there is a RECALLED shipment: no earlier version understands it."""
    op.execute(REFUSE)
    op.execute("ALTER TABLE shipments DROP COLUMN recall_refusal")
