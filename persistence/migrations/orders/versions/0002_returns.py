"""What became of a completed order that its customer did not want any more: it came back, or could not.

Revision: 0002, after orders, payments and price copies.
"""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the columns."""
    op.execute(
        "ALTER TABLE orders ADD COLUMN return_reason VARCHAR(100), ADD COLUMN returned_at TIMESTAMPTZ,"
        " ADD COLUMN return_refusal VARCHAR(100)"
    )


def downgrade() -> None:
    """Drop the columns."""
    op.execute("ALTER TABLE orders DROP COLUMN return_reason, DROP COLUMN returned_at, DROP COLUMN return_refusal")
