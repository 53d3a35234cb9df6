"""The messaging tables as the first revision of every context makes them.

History, like the revisions that call it: never changed. A later change is a new revision in each context.
"""

from alembic import op

_INBOX = """
CREATE TABLE inbox (
    id UUID PRIMARY KEY,
    received_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP
);
CREATE INDEX idx_inbox_received_at ON inbox USING BRIN (received_at)
"""

_OUTBOX = """
CREATE TABLE outbox (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    queue TEXT NOT NULL,
    actor TEXT NOT NULL,
    payload BYTEA NOT NULL,
    message_count INT NOT NULL DEFAULT 1,
    attempt INT NOT NULL DEFAULT 0,
    last_error TEXT,
    created_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    available_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP
);
CREATE INDEX idx_outbox_available_at ON outbox (available_at)
"""

_DEAD_LETTERS = """
CREATE TABLE dead_letters (
    id UUID PRIMARY KEY,
    queue TEXT,
    actor TEXT,
    message_type TEXT,
    correlation_id UUID,
    payload JSONB NOT NULL,
    attempts INT NOT NULL,
    error TEXT NOT NULL,
    traceback TEXT NOT NULL,
    status VARCHAR(20) NOT NULL DEFAULT 'DEAD',
    died_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
    resolved_at TIMESTAMPTZ,
    resolved_by TEXT,
    note TEXT,
    CONSTRAINT dead_letters_status_check CHECK (status IN ('DEAD', 'RETRIED', 'DISCARDED'))
);
CREATE INDEX idx_dead_letters_status_died_at ON dead_letters (status, died_at);
CREATE INDEX idx_dead_letters_correlation_id ON dead_letters (correlation_id)
"""

# pglz, PostgreSQL's own choice, took a sixteenth of its time for an order. A row lives for milliseconds, so where lz4
# was left out of the server nothing is compressed at all.
_COMPRESS_LIGHTLY = """
DO $$ BEGIN
    ALTER TABLE outbox ALTER payload SET COMPRESSION lz4;
EXCEPTION WHEN feature_not_supported THEN
    ALTER TABLE outbox ALTER payload SET STORAGE EXTERNAL;
END $$
"""

_COMPRESS_BY_DEFAULT = """
ALTER TABLE outbox ALTER payload SET COMPRESSION DEFAULT, ALTER payload SET STORAGE EXTENDED
"""


def create_messaging_tables() -> None:
    """Create inbox, outbox and dead_letters."""
    for statements in (_INBOX, _OUTBOX, _DEAD_LETTERS):
        op.execute(statements)


def drop_messaging_tables() -> None:
    """Drop inbox, outbox and dead_letters with all that is in them."""
    op.execute("DROP TABLE dead_letters, outbox, inbox")


def compress_outbox_lightly() -> None:
    """Have payloads compressed by lz4, or not at all."""
    op.execute(_COMPRESS_LIGHTLY)


def compress_outbox_by_default() -> None:
    """Have payloads compressed as PostgreSQL compresses by default."""
    op.execute(_COMPRESS_BY_DEFAULT)
