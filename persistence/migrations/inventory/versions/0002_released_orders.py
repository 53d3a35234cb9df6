"""Orders for which nothing may be held any more, whether something was held before or not.

Revision: 0002, after stock levels, reservations and movements.
"""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create the table."""
    op.execute(
        "CREATE TABLE released_orders"
        " (order_id UUID PRIMARY KEY, released_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP)"
    )


def downgrade() -> None:
    """Drop the table."""
    op.execute("DROP TABLE released_orders")
