"""When the units of a reservation were back in their warehouse.

Revision: 0003, after the released orders.
"""

from alembic import op

revision = "0003"
down_revision = "0002"

REFUSE = """
DO $$ BEGIN
    LOCK TABLE inventory_reservations IN ACCESS EXCLUSIVE MODE;
    IF EXISTS (SELECT FROM inventory_reservations WHERE status = 'RETURNED') THEN
        RAISE EXCEPTION 'there are RETURNED reservations, which no earlier version understands: nothing was changed';
    END IF;
END $$
"""


def upgrade() -> None:
    """Add the column."""
    op.execute("ALTER TABLE inventory_reservations ADD COLUMN returned_at TIMESTAMPTZ")


def downgrade() -> None:
    """Drop the column. Refused while there is a RETURNED reservation: no earlier version understands it."""
    op.execute(REFUSE)
    op.execute("ALTER TABLE inventory_reservations DROP COLUMN returned_at")
