"""Whether PostgreSQL keeps through a crash what it has acknowledged."""

from typing import Final

from loadcheck.oracle.database import Database

# https://www.postgresql.org/docs/current/wal-async-commit.html, and `fsync` in runtime-config-wal.html
_OFF: Final = """
    SELECT name FROM pg_settings WHERE name IN ('synchronous_commit', 'fsync') AND setting = 'off' ORDER BY name DESC"""


async def switched_off(database: Database) -> list[str]:
    """Return the settings without which a crash loses writes that were acknowledged, and that are off."""
    async with database.reading() as connection:
        return [record[0] for record in await connection.fetch(_OFF)]
