"""A run whose rows, names and answers are as hostile as a database may hold them, and its reports in every format."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.cli.command import SCENARIOS, Ended, loadcheck

PET: Final = "</script><img src=x onerror=alert(1)>"
FORMATS: Final = ("html", "junit", "sarif", "markdown", "csv", "svg")
_LEAKS: Final = SCENARIOS / "leaks"
_SQL: Final = f"""
update pets set name = '{PET}' where id % 100 = 1;
update pets set name = repeat('N', 2000000) where id = 102;
"""
_SCENARIO: Final = f"""
name: "{PET} @everyone"
stack:
  sql: [{_LEAKS}/keepers.sql, {_LEAKS}/A1/leak.sql, hostile.sql]
  owner: role_admin
  role: role_readwrite
  pooler: {{mode: transaction, size: 2}}
  postgrest: {{db-pre-request: hooks.remember_keeper}}
identities:
  - {{name: "{PET}", count: 1, claims: {{role: role_readwrite, user_type: "keeper-{{n}}"}}}}
  - {{name: no-claim, claims: {{role: role_readwrite}}}}
requests:
  - name: "{PET} list"
    get: /pets?select=id,name,keeper&order=id
    expect: {{rows: "SELECT id, name, keeper FROM pets WHERE keeper = :user_type ORDER BY id"}}
load: [{{name: "{PET} few", concurrency: 1, requests: 20}}]
hunt: {{share: 0}}
"""


@dataclass(frozen=True, slots=True)
class Hostile:
    """What came of it, and the reports by their format."""

    ended: Ended
    folder: Path
    reports: dict[str, Path]


def hostile_run(where: Path) -> Hostile:
    """Run it, each answer of one identity being 2 MB long, and write every report."""
    (where / "hostile.yaml").write_text(_SCENARIO)
    (where / "hostile.sql").write_text(_SQL)
    reports = {name: where / f"report.{name}" for name in FORMATS}
    options = [option for name, path in reports.items() for option in (f"--{name}", path)]
    job, run = where / "job.md", where / "run"
    given = ("run", where / "hostile.yaml", "--out", run, *options, "--github")
    return Hostile(loadcheck(*given, GITHUB_STEP_SUMMARY=str(job)), run, reports | {"job": job})
