"""What Alembic runs for each context: the revisions on the connection it was given, or as SQL text when offline."""

from alembic import context

if context.is_offline_mode():
    context.configure(dialect_name="postgresql", output_buffer=context.config.attributes["output"])
else:
    context.configure(connection=context.config.attributes["connection"])
with context.begin_transaction():
    context.run_migrations()
