"""How long a run of many identities takes to start, and how much memory it needs.

    python bench/identities.py [IDENTITIES]

Makes a scenario with one row of a table for each identity, starts the embedded stack, makes the identities, signs their
tokens, reads what each expects, and prints a line for each step with its seconds and the process's peak memory.
"""

import asyncio
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from memory import Silent
from pydantic import SecretStr

from loadcheck.clock import SystemClock
from loadcheck.oracle.database import Database
from loadcheck.run.preparing.preparation import prepare
from loadcheck.scenario.load import load
from loadcheck.stack.construction import embedded

IDENTITIES: Final = 100_000

SQL: Final = """
CREATE TABLE pets (id int, name text, keeper text);
INSERT INTO pets SELECT n, 'pet-' || n, 'tenant-' || n FROM generate_series(1, {identities}) AS n;
CREATE INDEX ON pets (keeper);
ANALYZE pets;
ALTER TABLE pets ENABLE ROW LEVEL SECURITY;
GRANT SELECT ON pets TO role_readwrite;
CREATE POLICY own ON pets USING (keeper = current_setting('request.jwt.claims', true)::json->>'user_type');
"""

SCENARIO: Final = """
name: many identities
stack: {{sql: [pets.sql]}}
identities:
  - {{name: keeper, count: {identities}, claims: {{role: role_readwrite, user_type: "tenant-{{n}}"}}}}
requests:
  - name: list
    get: /pets?select=id,name,keeper&order=id
    expect: {{rows: "SELECT id, name, keeper FROM pets WHERE keeper = :user_type ORDER BY id"}}
  - name: names
    get: /pets?select=name
    expect: {{rows: "SELECT name FROM pets WHERE keeper = :user_type"}}
  - name: count
    head: /pets
    headers: {{Prefer: count=exact}}
    expect: {{count: "SELECT count(*) FROM pets WHERE keeper = :user_type"}}
"""


class Steps(Silent):
    """Prints each step with the time since the last one."""

    def __init__(self) -> None:
        self._last = time.perf_counter()

    def step(self, text: str) -> None:
        """Print one."""
        now = time.perf_counter()
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
        print(f"{now - self._last:8.1f} s  {peak_mb:6.0f} MB peak  {text}", flush=True)
        self._last = now


async def measure(folder: Path, identities: int) -> float:
    """Start up, as `loadcheck run` does, with that many identities; return the seconds without those of the stack.

    Args:
        folder: Where the scenario may be written.
        identities: How many.

    Raises:
        LoadcheckError: the stack cannot be started.
    """
    (folder / "pets.sql").write_text(SQL.format(identities=identities))
    (folder / "scenario.yaml").write_text(SCENARIO.format(identities=identities))
    loaded = load(folder / "scenario.yaml")
    steps = Steps()
    async with embedded(loaded.scenario, folder) as stack:
        steps.step("the embedded stack is up")
        target = loaded.scenario.target.model_copy(
            update={"url": stack.url, "database": SecretStr(stack.database), "jwt": stack.jwt}
        )
        database = Database(stack.database)
        began = time.perf_counter()
        prepared = await prepare(loaded.aimed_at(target), database, SystemClock(), steps)
        took = time.perf_counter() - began
        await database.close()
    requests = len(loaded.scenario.requests)
    print(f"{len(prepared.population):,} identities x {requests} requests: {took:.1f} s")
    return took


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        asyncio.run(measure(Path(temporary), int(sys.argv[1]) if len(sys.argv) > 1 else IDENTITIES))
