"""What became of a completed order that its customer did not want any more: it came back, or could not.

Revision: 0002, after orders, payments and price copies.
"""

from alembic import op

revision = "0002"
down_revision = "0001"

REFUSE = """
DO $$ BEGIN
    LOCK TABLE orders IN ACCESS EXCLUSIVE MODE;
    IF EXISTS (SELECT FROM orders WHERE status = 'RETURNED') THEN
        RAISE EXCEPTION 'there are RETURNED orders, which no earlier version understands: nothing was changed';
    END IF;
END $$
"""


def upgrade() -> None:
    """Add the columns."""
    op.execute(
        "ALTER TABLE orders ADD COLUMN return_reason VARCHAR(100), ADD COLUMN returned_at TIMESTAMPTZ,"
        " ADD COLUMN return_refusal VARCHAR(100)"
    )


def downgrade() -> None:
    """Drop the columns. Refused while there is a RETURNED order: no earlier version understands it."""
    op.execute(REFUSE)
    op.execute("ALTER TABLE orders DROP COLUMN return_reason, DROP COLUMN returned_at, DROP COLUMN return_refusal")
