"""Why the carrier would not stop a parcel: a definite answer, so that it is asked once.

Revision: 0002, after shipments and tracking.
"""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the column."""
    op.execute("ALTER TABLE shipments ADD COLUMN recall_refusal VARCHAR(100)")


def downgrade() -> None:
    """Drop the column."""
    op.execute("ALTER TABLE shipments DROP COLUMN recall_refusal")
