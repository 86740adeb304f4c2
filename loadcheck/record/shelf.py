"""Values by key, on disk rather than in memory: as many as there are."""

import sqlite3
import weakref

_CACHE_KIB = 32 << 10


class Shelf:
    """Keeps bytes by key in a private temporary database, which is gone with it.

    SQLite holds it in memory for as long as it is small (https://www.sqlite.org/inmemorydb.html#temp_db).
    """

    def __init__(self) -> None:
        self._database = sqlite3.connect("")
        self._database.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute("CREATE TABLE kept (key PRIMARY KEY, value BLOB) WITHOUT ROWID")
        weakref.finalize(self, self._database.close)

    def put(self, key: int | str, value: bytes) -> None:
        """Keep a value, in place of one that was kept by this key."""
        self._database.execute("INSERT OR REPLACE INTO kept VALUES (?, ?)", (key, value))

    def get(self, key: int | str) -> bytes | None:
        """Return a value; None where there is none."""
        row = self._database.execute("SELECT value FROM kept WHERE key = ?", (key,)).fetchone()
        return None if row is None else row[0]
