"""Payloads of the outbox are compressed lightly.

Revision: 0004.
"""

from persistence.migrations.messaging import compress_outbox_by_default, compress_outbox_lightly

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Change how new payloads are stored."""
    compress_outbox_lightly()


def downgrade() -> None:
    """Change it back."""
    compress_outbox_by_default()
