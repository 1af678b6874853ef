"""Runs migrations on the connection that `plugin.db` hands over.

One at a time (advisory lock), in one transaction each, and giving up on a lock after 4 s rather than holding
up the shop. Every migration must work with the code that is already running.
"""

from alembic import context
from sqlalchemy import text

import plugin.models
from plugin.db import metadata

MIGRATION_LOCK = 7_365_001

connection = context.config.attributes["connection"]
assert plugin.models.__all__
context.configure(connection=connection, target_metadata=metadata, transaction_per_migration=True)
connection.execute(text("SET statement_timeout = 0"))  # an index of many rows takes its time
connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": MIGRATION_LOCK})
connection.execute(text("SET lock_timeout = '4s'"))
connection.commit()
try:
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
finally:
    connection.rollback()
    connection.execute(text("RESET lock_timeout"))
    connection.execute(text("RESET statement_timeout"))
    connection.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": MIGRATION_LOCK})
    connection.commit()
