"""When the units of a reservation were back in their warehouse.

Revision: 0003, after the released orders.
"""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the column."""
    op.execute("ALTER TABLE inventory_reservations ADD COLUMN returned_at TIMESTAMPTZ")


def downgrade() -> None:
    """Drop the column."""
    op.execute("ALTER TABLE inventory_reservations DROP COLUMN returned_at")
