"""The looks at what the other party has, what they found different, and an index that finds what changed lately.

Revision: 0003, after refused recalls.
"""

from alembic import op

revision = "0003"
down_revision = "0002"

LOOKS = """
CREATE TABLE reconciliations (
    id UUID PRIMARY KEY,
    by_clock BOOLEAN NOT NULL,
    since TIMESTAMPTZ NOT NULL,
    until TIMESTAMPTZ NOT NULL,
    position TEXT NOT NULL,
    ours BIGINT NOT NULL DEFAULT 0,
    theirs BIGINT NOT NULL DEFAULT 0,
    discovered BIGINT NOT NULL DEFAULT 0,
    mended BIGINT NOT NULL DEFAULT 0,
    error TEXT,
    started_at TIMESTAMPTZ NOT NULL,
    touched_at TIMESTAMPTZ NOT NULL,
    finished_at TIMESTAMPTZ
)
"""

DISCREPANCIES = """
CREATE TABLE shipment_discrepancies (
    id UUID PRIMARY KEY,
    shipment_id UUID NOT NULL,
    order_id UUID NOT NULL,
    kind VARCHAR(50) NOT NULL,
    ours JSONB,
    theirs JSONB,
    first_seen TIMESTAMPTZ NOT NULL,
    last_seen TIMESTAMPTZ NOT NULL,
    resolved_at TIMESTAMPTZ
);
CREATE INDEX idx_shipment_discrepancies_open ON shipment_discrepancies (shipment_id) WHERE resolved_at IS NULL;
CREATE INDEX idx_shipment_discrepancies_order_id ON shipment_discrepancies (order_id)
"""

CHANGES = """
CREATE INDEX idx_shipments_updated_at ON shipments USING BRIN (updated_at)
    WITH (pages_per_range = 32, autosummarize = true)
"""


def upgrade() -> None:
    """Create the tables and the index."""
    for statements in (LOOKS, DISCREPANCIES, CHANGES):
        op.execute(statements)


def downgrade() -> None:
    """Drop them."""
    op.execute("DROP INDEX idx_shipments_updated_at")
    op.execute("DROP TABLE shipment_discrepancies, reconciliations")
