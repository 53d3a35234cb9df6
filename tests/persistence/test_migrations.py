"""Migrations against the databases of the environment: repeatable, one at a time, and equal to the models.

Nothing that is in a database is dropped: a history is run from nothing in a schema of its own, and every change made
to see it noticed is rolled back.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from uuid import uuid4

import pytest
import sqlalchemy
from alembic import command
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from persistence import migrations
from persistence.databases import POSTGRESQL_CONTEXTS, database_url, engine, url_variable
from persistence.migrations.cli import main
from persistence.migrations.drift import differences, table_differences
from persistence.tables import METADATA

from .own_schemas import own_schema

# Imports first, then waits for a line, so that two of these start at the same instant.
UPGRADE = (
    "from persistence.migrations import upgrade; print('ready', flush=True); input(); print(upgrade('delivery').before)"
)

# Where the document gives one index name to two tables of a database, it is qualified by the table.
INDEXES_OF_THE_DOCUMENT = {
    "coordination": "idx_status idx_created_at idx_workflow_type idx_associated_id idx_saga_type idx_workflow_id"
    " idx_timestamp",
    "catalog": "idx_sku idx_category_id idx_status idx_brand idx_path idx_parent_id idx_product_id"
    " idx_effective_dates idx_product_search idx_product_attributes idx_active_products",
    "inventory": "idx_inventory_product_id idx_quantity_available idx_order_id idx_status_expires"
    " idx_product_warehouse idx_inventory_movements_product_id idx_created_at idx_reference",
    "orders": "idx_customer_id idx_orders_status idx_orders_created_at idx_order_number idx_order_items_order_id"
    " idx_product_id idx_payments_order_id idx_payments_status idx_gateway_transaction_id idx_order_events_order_id"
    " idx_order_events_created_at idx_orders_customer_status idx_orders_created_status idx_order_metadata",
    "delivery": "idx_order_id idx_tracking_number idx_status idx_shipments_carrier idx_shipment_id idx_occurred_at"
    " idx_carrier_configs_carrier idx_active idx_pending_shipments",
}


@pytest.fixture(scope="module", autouse=True)
def _migrated() -> None:
    for context in POSTGRESQL_CONTEXTS:
        migrations.upgrade(context)


@pytest.fixture
def connection(request: pytest.FixtureRequest) -> Iterator[sqlalchemy.Connection]:
    """A connection to the context that the test is parametrized with; all that it does is rolled back."""
    pool = engine(request.param, pool_size=1)
    with pool.connect() as connection:
        connection.execute(text("SET lock_timeout = '20s'"))
        yield connection
        connection.rollback()
    pool.dispose()


@pytest.fixture
def empty_schema_url() -> Iterator[str]:
    """A URL of delivery's database that sees nothing but an empty schema, which is dropped afterwards."""
    schema = f"migration_test_{uuid4().hex}"
    pool = engine("delivery", pool_size=1)
    with pool.begin() as connection:
        connection.execute(text(f"CREATE SCHEMA {schema}"))
    url = database_url("delivery").update_query_dict({"options": f"-c search_path={schema}"})
    yield url.render_as_string(hide_password=False)
    with pool.begin() as connection:
        connection.execute(text(f"DROP SCHEMA {schema} CASCADE"))
    pool.dispose()


@pytest.mark.parametrize("context", POSTGRESQL_CONTEXTS)
def test_a_migrated_database_is_as_the_models_say(context: str) -> None:
    assert differences(context) == []


@pytest.mark.parametrize("context", POSTGRESQL_CONTEXTS)
def test_an_upgrade_of_a_database_at_the_newest_revision_changes_nothing(context: str) -> None:
    again = migrations.upgrade(context)

    assert again.before == again.after == migrations.head(context)


@pytest.mark.parametrize(
    ("context", "connection"), [(one, one) for one in POSTGRESQL_CONTEXTS], indirect=["connection"]
)
def test_every_index_of_the_document_exists_under_its_name(context: str, connection: sqlalchemy.Connection) -> None:
    names = connection.execute(text("SELECT indexname FROM pg_indexes WHERE schemaname = current_schema()")).scalars()

    assert set(INDEXES_OF_THE_DOCUMENT[context].split()) - set(names) == set()


@pytest.mark.parametrize(
    ("connection", "change", "noticed"),
    [
        ("orders", "DROP INDEX idx_order_metadata", "index idx_order_metadata"),
        ("orders", "ALTER TABLE payments DROP CONSTRAINT payments_amounts_check", "payments_amounts_check"),
        ("orders", "ALTER TABLE orders ALTER currency SET DEFAULT 'EUR'", "orders.currency"),
        ("orders", "ALTER TABLE orders RESET (fillfactor)", "storage of orders"),
        ("orders", "ALTER TABLE orders ADD surprise INT", "surprise"),
        ("orders", "ALTER TABLE order_items ALTER tax_amount SET NOT NULL", "order_items.tax_amount"),
        ("orders", "ALTER TABLE orders ALTER customer_phone TYPE VARCHAR(20)", "orders.customer_phone"),
        (
            "delivery",
            "DROP INDEX idx_pending_shipments; CREATE INDEX idx_pending_shipments ON shipments (created_at)",
            "index idx_pending_shipments",
        ),
        (
            "catalog",
            "DROP INDEX idx_product_search; CREATE INDEX idx_product_search ON products USING GIN (attributes)",
            "index idx_product_search",
        ),
    ],
    indirect=["connection"],
)
def test_a_change_that_no_migration_made_is_noticed(
    request: pytest.FixtureRequest, connection: sqlalchemy.Connection, change: str, noticed: str
) -> None:
    context = request.node.callspec.params["connection"]

    connection.execute(text(change))

    assert any(noticed in difference for difference in table_differences(context, connection))


def _waiting_upgrade(url: str) -> subprocess.Popen[str]:
    """A process that will upgrade the database once it is told to."""
    return subprocess.Popen(
        [sys.executable, "-c", UPGRADE],
        env={**os.environ, "DELIVERY_DATABASE_URL": url},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_two_upgrades_of_one_empty_database_at_once_do_the_work_once(empty_schema_url: str) -> None:
    both = [_waiting_upgrade(empty_schema_url) for _ in range(2)]
    for process in both:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in both:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()

    found = sorted(process.communicate(timeout=60)[0].strip() for process in both)

    assert [process.returncode for process in both] == [0, 0]
    assert found == [str(migrations.head("delivery")), "None"]


def test_a_history_run_from_nothing_gives_what_the_models_say(
    monkeypatch: pytest.MonkeyPatch, empty_schema_url: str
) -> None:
    monkeypatch.setenv("DELIVERY_DATABASE_URL", empty_schema_url)

    migrations.upgrade("delivery")

    assert differences("delivery") == []


#: What no earlier version understands, the revision before it, and how such a row comes about and goes.
NOT_TO_BE_LEFT = {
    "orders": (
        "RETURNED orders",
        "0001",
        (
            "INSERT INTO orders (order_number, customer_id, total_amount, shipping_address, billing_address, status)"
            " VALUES ('1', gen_random_uuid(), 1, '{}', '{}', 'RETURNED')"
        ),
        "UPDATE orders SET status = 'COMPLETED'",
    ),
    "inventory": (
        "RETURNED reservations",
        "0002",
        (
            "INSERT INTO inventory_reservations (order_id, product_id, warehouse_id, quantity, status, expires_at)"
            " VALUES (gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 1, 'RETURNED', now())"
        ),
        "UPDATE inventory_reservations SET status = 'SHIPPED'",
    ),
    "delivery": (
        "RECALLED shipments",
        "0001",
        (
            "INSERT INTO shipments (order_id, carrier, shipping_method, shipping_address, status)"
            " VALUES (gen_random_uuid(), 'x', 'STANDARD', '{}', 'RECALLED')"
        ),
        "UPDATE shipments SET status = 'SCHEDULED'",
    ),
}


@pytest.mark.parametrize("context", NOT_TO_BE_LEFT)
def test_no_downgrade_leaves_rows_that_no_earlier_version_understands(
    context: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, revision, unknown, known = NOT_TO_BE_LEFT[context]
    with own_schema(context) as url:
        monkeypatch.setenv(url_variable(context), url)
        pool = engine(context, pool_size=1)
        with pool.begin() as connection:
            connection.execute(text(unknown))

        with pytest.raises(DBAPIError, match=f"there are {rows}, which no earlier version understands"):
            downgrade(context, pool, revision)
        with pool.begin() as connection:
            assert migrations.current(connection) == migrations.head(context)
            connection.execute(text(known))
        downgrade(context, pool, revision)

        with pool.connect() as connection:
            assert migrations.current(connection) == revision
        pool.dispose()


def downgrade(context: str, pool: sqlalchemy.Engine, revision: str) -> None:
    """Go back to an earlier revision, in one transaction."""
    config = migrations._config(context)
    with migrations._ALEMBIC, pool.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, revision)


@pytest.mark.parametrize("context", POSTGRESQL_CONTEXTS)
def test_the_sql_of_a_history_creates_every_table_of_the_models(context: str) -> None:
    statements = migrations.upgrade_sql(context)

    for table in METADATA[context].tables:
        assert f"CREATE TABLE {table} (" in statements


@pytest.mark.parametrize("command", ["up", "status", "check"])
def test_a_server_that_is_not_there_is_one_sentence_with_the_variable_and_the_host(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    monkeypatch.setenv("ORDERS_DATABASE_URL", "postgresql://someone:secret@127.0.0.1:1/orders")

    code = main([command, "--context", "orders"])

    said = capsys.readouterr().err
    assert code == 2
    assert "127.0.0.1:1/orders (from ORDERS_DATABASE_URL)" in said
    assert said.count("\n") == 1
    assert "secret" not in said


def test_a_failed_upgrade_leaves_the_database_as_it_was(monkeypatch: pytest.MonkeyPatch, empty_schema_url: str) -> None:
    monkeypatch.setenv("DELIVERY_DATABASE_URL", empty_schema_url)
    pool = engine("delivery", pool_size=1)
    with pool.begin() as connection:
        connection.execute(text("CREATE TABLE carrier_configs (id INT)"))

    with pytest.raises(DBAPIError, match="carrier_configs"):
        migrations.upgrade("delivery")

    with pool.connect() as connection:
        left = connection.execute(text("SELECT relname FROM pg_stat_user_tables WHERE schemaname = current_schema()"))
        assert list(left.scalars()) == ["carrier_configs"]
    pool.dispose()
