"""A schema of PostgreSQL as a set of lines: every column, constraint, index and storage parameter, in its own words."""

import sqlalchemy
from sqlalchemy import text

_COLUMNS = """
SELECT format('column %s.%s %s %s%s%s', t.relname, a.attname, format_type(a.atttypid, a.atttypmod),
              CASE WHEN a.attnotnull THEN 'not null' ELSE 'nullable' END,
              CASE WHEN a.attgenerated = '' THEN ' default ' ELSE ' generated ' END,
              COALESCE(pg_get_expr(d.adbin, d.adrelid), 'none'))
FROM pg_class t
JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_attrdef d ON d.adrelid = t.oid AND d.adnum = a.attnum
WHERE t.relnamespace = to_regnamespace(:schema) AND t.relkind IN ('r', 'p')
"""

_COLUMN_ORDER = """
SELECT format('columns of %s in order: %s', t.relname, string_agg(a.attname, ', ' ORDER BY a.attnum))
FROM pg_class t
JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE t.relnamespace = to_regnamespace(:schema) AND t.relkind IN ('r', 'p')
GROUP BY t.oid, t.relname
"""

_CONSTRAINTS = """
SELECT format('constraint %s on %s: %s', c.conname, t.relname, pg_get_constraintdef(c.oid))
FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid
WHERE t.relnamespace = to_regnamespace(:schema)
"""

_INDEXES = """
SELECT format('%sindex %s on %s %s', CASE WHEN x.indisunique THEN 'unique ' ELSE '' END, i.relname, t.relname,
              substring(pg_get_indexdef(x.indexrelid) FROM ' USING .*'))
FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class t ON t.oid = x.indrelid
WHERE t.relnamespace = to_regnamespace(:schema)
"""

_STORAGE = """
SELECT format('storage of %s: %s', relname, reloptions)
FROM pg_class
WHERE relnamespace = to_regnamespace(:schema) AND relkind IN ('r', 'p', 'i') AND reloptions IS NOT NULL
"""


def descriptions(connection: sqlalchemy.Connection, schema: str) -> set[str]:
    """The lines that describe a schema's tables; Alembic's own table is left out.

    The schema must be the first of the connection's search_path, or names come out qualified.
    """
    queries = (_COLUMNS, _COLUMN_ORDER, _CONSTRAINTS, _INDEXES, _STORAGE)
    lines = {line for query in queries for line in connection.execute(text(query), {"schema": schema}).scalars()}
    return {line for line in lines if "alembic_version" not in line}
