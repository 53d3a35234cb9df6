"""Payloads of the outbox are compressed lightly.

Revision: 0002.
"""

from persistence.migrations.messaging import compress_outbox_by_default, compress_outbox_lightly

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Change how new payloads are stored."""
    compress_outbox_lightly()


def downgrade() -> None:
    """Change it back."""
    compress_outbox_by_default()
