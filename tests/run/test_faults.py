"""Whole runs on a real stack while it breaks."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest
import yaml
from pydantic import SecretStr

from loadcheck.clock import SystemClock
from loadcheck.engine.randomness import source
from loadcheck.errors import ExitCode, UsageProblem
from loadcheck.run.faults.powers import Powers
from loadcheck.run.interruption import Interruption
from loadcheck.run.run import Ended, Run, RunOptions
from loadcheck.run.stored.recheck import recheck
from loadcheck.scenario.fault import Fault, FaultKind
from loadcheck.scenario.load import load
from loadcheck.scenario.model import Scenario
from loadcheck.scenario.stack import Program
from loadcheck.scenario.target import Target
from loadcheck.stack.construction import embedded
from loadcheck.stack.processes import children
from loadcheck.stack.stack import EmbeddedStack
from tests.cli.command import PATIENCE_S, history
from tests.pets import FOLDER, pets
from tests.run.test_run import SCENARIO, Enough, Told, never, until
from tests.stack.asking import ask
from tests.stack.watching import becomes, parent


@pytest.fixture(scope="module")
async def broken_before() -> AsyncIterator[EmbeddedStack]:
    """A stack of this module's own to break."""
    async with embedded(to_break("{do: postgres-crash}"), FOLDER) as stack:
        yield stack


@pytest.fixture
async def stack(broken_before: EmbeddedStack) -> EmbeddedStack:
    return await well(broken_before)


async def well(stack: EmbeddedStack) -> EmbeddedStack:
    """Return it once nothing is left of what the last test broke: every connection of PostgREST's pool is new."""
    async with asyncio.timeout(PATIENCE_S):
        while not await answers_everybody(stack):  # noqa: ASYNC110 -- nothing tells when it is well
            await asyncio.sleep(0.05)
    return stack


async def answers_everybody(stack: EmbeddedStack) -> bool:
    try:
        answers = await asyncio.gather(*(ask(stack, "/pets") for _ in range(40)))
    except aiohttp.ClientError:
        return False
    return all(status == 200 for status, _ in answers)


def to_break(faults: str) -> Scenario:
    """Return the scenario of a stack for these faults. By default PgBouncer waits for 15 s after a failed login."""
    given = [Fault.model_validate(fault) for fault in yaml.safe_load(f"[{faults}]")]
    return pets(pooler={"server_login_retry": 1}).model_copy(update={"faults": given})


def recovered(times: int) -> Enough:
    """Whether the target has recovered so often."""
    return lambda told: sum("recovered from" in step for step in told.steps) >= times


async def run(
    stack: EmbeddedStack, folder: Path, faults: str, phase: str, more: str = "", enough: Enough = never
) -> tuple[Ended, Told]:
    path = folder / "scenario.yaml"
    path.write_text(f"{SCENARIO}\n{more}\nfaults: [{faults}]\nload: [{{name: load, {phase}}}]")
    told, interruption = Told(), Interruption()
    target = Target(url=stack.url, database=SecretStr(stack.database), jwt=stack.jwt)
    options = RunOptions(seed=1, out=folder / "run")
    powers = Powers(stack.freshen, breaks=stack.breaks)
    work = Run(load(path).aimed_at(target), options, told, interruption, SystemClock(), powers)
    return await until(enough, work, told, interruption), told


def clean(ended: Ended) -> dict[str, Any]:
    """Return the only fault of a run that was right in everything until it had shown enough."""
    assert ended.findings == []
    assert ended.summary["exit_code"] in {ExitCode.PASS, ExitCode.INTERRUPTED}, ended.summary
    (fault,) = ended.summary["faults"]
    assert not fault["failed"]
    return dict(fault)


@pytest.mark.parametrize("fault", ["terminate-backends", "cancel-queries"])
async def test_backends_that_end_under_load(fault: str, stack: EmbeddedStack, tmp_path: Path) -> None:
    ended, told = await run(
        stack,
        tmp_path,
        f"{{do: {fault}, at: 0.2s, every: 0.2s, share: 50%}}",
        "concurrency: 8, duration: 10m",
        "thresholds: {recovery: 1h}",
        lambda told: recovered(3)(told) and told.tally.measured.counts.unknown > 0,
    )
    toll = clean(ended)
    assert toll["do"] == fault
    assert toll["times"] >= 3
    assert ended.summary["thresholds"][0]["held"] is True
    assert f"fault: {fault}" in told.steps
    assert any(line.get("fault") == fault for line in history(tmp_path / "run"))
    again = recheck(tmp_path / "run").summary
    assert (again["exit_code"], again["exchanges"]) == (ended.summary["exit_code"], ended.summary["exchanges"])


GENTLE = ["pgbouncer-reconnect", "schema-reload", "config-reload", "pgbouncer-pause, for: 0.2s"]
HARSH = ["pgbouncer-restart", "pgbouncer-kill, for: 0.2s", "postgrest-restart", "postgres-restart", "postgres-crash"]


@pytest.mark.parametrize(("names", "replaced"), [(GENTLE, set()), (HARSH, {"pgbouncer", "postgrest", "postgres"})])
async def test_the_target_recovers_from_each_fault(
    names: list[str], replaced: set[str], stack: EmbeddedStack, tmp_path: Path
) -> None:
    """Programs may be others afterwards, but at their old places: what comes after finds a whole stack."""
    before = stack.pids
    faults = ", ".join(f"{{do: {name}, at: {0.2 + 0.6 * at:.1f}s}}" for at, name in enumerate(names))
    ended, told = await run(stack, tmp_path, faults, "rate: 100/s, duration: 10m", enough=recovered(len(names)))
    assert ended.findings == []
    tolls = ended.summary["faults"]
    assert [(toll["do"], toll["times"], toll["failed"]) for toll in tolls] == [
        (name.partition(",")[0], 1, "") for name in names
    ]
    assert recovered(len(names))(told)
    assert {name for name, pid in stack.pids.items() if pid != before[name]} == replaced


async def test_a_fault_that_never_happened_makes_no_run_green(stack: EmbeddedStack, tmp_path: Path) -> None:
    ended, _ = await run(stack, tmp_path, "{do: cancel-queries, at: 1h}", "concurrency: 2, requests: 100")
    assert ended.summary["exit_code"] == 2
    assert "the fault cancel-queries never happened: the load ended before" in ended.summary["reasons"]


async def test_a_target_is_not_ours_to_break(stack: EmbeddedStack, tmp_path: Path) -> None:
    path = tmp_path / "scenario.yaml"
    path.write_text(f"{SCENARIO}\nfaults: [{{do: postgres-crash}}]")
    target = Target(url=stack.url, database=SecretStr(stack.database), jwt=stack.jwt)
    work = Run(load(path).aimed_at(target), RunOptions(1, tmp_path / "run"), Told(), Interruption(), SystemClock())
    with pytest.raises(UsageProblem, match="the fault postgres-crash needs the embedded stack"):
        await work.run()
    assert not (tmp_path / "run").exists()


async def test_a_crash_of_postgresql_leaves_no_process_behind(stack: EmbeddedStack) -> None:
    warden = parent(stack.pids["postgrest"])
    crash = Fault.model_validate({"do": "postgres-crash"})
    async with stack.breaks[FaultKind.POSTGRES_CRASH](crash, source(1, "fault")):
        assert "postgres" not in stack.pids
        assert becomes(lambda: set(children(warden)) == set(stack.pids.values()))
    assert "postgres" in stack.pids


async def test_a_postgrest_that_callers_keep_busy_is_restarted_all_the_same(stack: EmbeddedStack) -> None:
    before, restart = stack.pids["postgrest"], Fault.model_validate({"do": "postgrest-restart"})
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=8)) as session:
        callers = [asyncio.ensure_future(keep_asking(stack.url, session)) for _ in range(8)]
        async with stack.breaks[FaultKind.POSTGREST_RESTART](restart, source(1, "fault")):
            pass
        assert stack.pids["postgrest"] != before
        for caller in callers:
            caller.cancel()


async def keep_asking(url: str, session: aiohttp.ClientSession) -> None:
    while True:
        with suppress(aiohttp.ClientError):
            async with session.get(url) as answer:
                await answer.read()


def counted(status: str, times: int) -> Enough:
    """Whether exchanges have come to this status, or have ended so, that often."""
    return lambda told: told.tally.statuses.most_common().get(status, 0) >= times


async def test_a_secret_that_is_rotated_refuses_the_tokens_from_before(stack: EmbeddedStack, tmp_path: Path) -> None:
    fault = "{do: rotate-jwt-secret, at: 0.2s, share: 50%}"
    ended, _ = await run(stack, tmp_path, fault, "rate: 50/s, duration: 10m", enough=counted("401", 40))
    clean(ended)
    old = [line for line in history(tmp_path / "run") if line["status"] == 401]
    assert {line["fault"] for line in old} == {"rotate-jwt-secret"}
    assert Counter(line["verdict"] for line in old)["ok"] >= 20


async def test_expired_tokens_are_refused_while_the_others_are_served(stack: EmbeddedStack, tmp_path: Path) -> None:
    ended, _ = await run(stack, tmp_path, "{do: expire-tokens, share: 50%}", "concurrency: 4, requests: 200")
    clean(ended)
    lines = [(line.get("fault"), line["status"], line["verdict"]) for line in history(tmp_path / "run")]
    assert set(lines) == {(None, 200, "ok"), ("expire-tokens", 401, "ok")}
    again = recheck(tmp_path / "run").summary
    assert (again["exit_code"], again["exchanges"]) == (0, ended.summary["exchanges"])


def lost_often(told: Told) -> bool:
    return sum(step.startswith("fault: oracle-disconnect") for step in told.steps) >= 4


async def test_an_oracle_that_loses_its_connection_reads_on(stack: EmbeddedStack, tmp_path: Path) -> None:
    more = """
  - name: one
    get: /pets?id=eq.{id}&select=id
    vars: {id: {int: [1, 160]}}
    expect: {rows: "SELECT id FROM pets WHERE id = :id::int AND keeper = :user_type"}"""
    fault = "{do: oracle-disconnect, at: 0s, every: 0.1s}"
    ended, _ = await run(stack, tmp_path, fault, "concurrency: 4, duration: 10m", more, lost_often)
    assert clean(ended)["times"] > 1
    assert ended.summary["exchanges"]["unknown"] == 0


async def test_a_command_breaks_and_another_mends(stack: EmbeddedStack, tmp_path: Path) -> None:
    fault = '{do: run, at: 0.1s, for: 0.1s, start: "touch broken", stop: "touch {folder}/mended"}'
    ended, told = await run(stack, tmp_path, fault, "rate: 50/s, duration: 10m", enough=recovered(1))
    assert [toll["failed"] for toll in ended.summary["faults"]] == [""]
    assert recovered(1)(told)
    assert (tmp_path / "broken").exists()
    assert (tmp_path / "mended").exists()


async def test_what_a_command_has_broken_is_mended_when_the_run_is_interrupted(
    stack: EmbeddedStack, tmp_path: Path
) -> None:
    fault = '{do: run, at: 0.1s, for: 10m, start: "touch broken", stop: "touch {folder}/mended"}'
    broken, mended = tmp_path / "broken", tmp_path / "mended"
    ended, _ = await run(stack, tmp_path, fault, "rate: 50/s, duration: 10m", enough=lambda _: broken.exists())
    assert ended.summary["exit_code"] == ExitCode.INTERRUPTED
    assert mended.exists()


@pytest.mark.parametrize(
    ("command", "told"),
    [("sh -c 'exit 3'", "`start` ended with exit code 3"), ("/no/such", "`start` cannot be run: No such file")],
)
async def test_a_command_that_fails_is_told(command: str, told: str, stack: EmbeddedStack, tmp_path: Path) -> None:
    ended, _ = await run(stack, tmp_path, f'{{do: run, start: "{command}"}}', "rate: 20/s, duration: 3s")
    assert ended.summary["exit_code"] == 2
    assert f"the fault run could not be made: {told}" in "\n".join(ended.summary["reasons"])


async def test_both_commands_are_told_where_both_fail(stack: EmbeddedStack, tmp_path: Path) -> None:
    stop = "sh -c 'touch {folder}/mended; exit 4'"
    fault = f"""{{do: run, for: 0.1s, start: "sh -c 'exit 3'", stop: "{stop}"}}"""
    ended, _ = await run(stack, tmp_path, fault, "rate: 20/s, duration: 3s")
    told = "`start` ended with exit code 3, and `stop` ended with exit code 4"
    assert f"the fault run could not be made: {told}" in "\n".join(ended.summary["reasons"])
    assert (tmp_path / "mended").exists()


async def test_a_fault_that_cannot_be_mended_ends_with_the_load(stack: EmbeddedStack, tmp_path: Path) -> None:
    """It does not happen once more, and again, while the run waits for its end."""
    broken = tmp_path / "broken"
    fault = """{do: run, at: 0s, every: 10m, for: 9m, start: "touch broken", stop: "sh -c 'exit 4'"}"""
    async with asyncio.timeout(PATIENCE_S):
        ended, _ = await run(stack, tmp_path, fault, "rate: 50/s, duration: 10m", enough=lambda _: broken.exists())
    (toll,) = ended.summary["faults"]
    assert (toll["times"], toll["failed"]) == (1, "`stop` ended with exit code 4")


async def test_a_network_that_is_slow_or_cut(tmp_path: Path) -> None:
    """Each stretch suffers in turn, and the target recovers from each."""
    faults = (
        "{do: cut, between: loadcheck-postgrest, at: 0.2s, for: 0.2s},"
        "{do: cut, between: postgrest-pooler, how: half-open, at: 1s, for: 0.2s},"
        "{do: slow, between: pooler-postgres, latency: 50ms, bandwidth: 100kB, at: 2s, for: 0.3s}"
    )
    async with embedded(to_break(faults), FOLDER) as stack:
        ended, told = await run(stack, tmp_path, faults, "rate: 50/s, duration: 10m", enough=recovered(3))
    assert ended.findings == []
    assert [(toll["times"], toll["failed"]) for toll in ended.summary["faults"]] == [(1, "")] * 3
    assert recovered(3)(told)


async def test_the_ways_of_a_gateway_and_of_the_oracle_suffer_as_well(tmp_path: Path) -> None:
    faults = (
        "{do: cut, between: gateway-postgrest, at: 0.2s, for: 0.2s},"
        "{do: cut, between: oracle-postgres, at: 0.5s, for: 0.2s},"
        "{do: slow, between: oracle-postgres, latency: 20ms, at: 1s, for: 0.2s}"
    )
    broken, forwarder = to_break(faults), "{python} stack/forwarder.py {port} {url}"
    stacked = broken.stack.model_copy(update={"gateway": Program(run=forwarder)})
    more = f"stack: {{gateway: {{run: '{forwarder}'}}}}"
    async with embedded(broken.model_copy(update={"stack": stacked}), FOLDER) as stack:
        assert urlsplit(stack.database).port != urlsplit(stack.superuser).port
        ended, _ = await run(stack, tmp_path, faults, "rate: 50/s, duration: 10m", more, told_of_all_three)
    assert ended.findings == []
    assert [(toll["times"], toll["failed"]) for toll in ended.summary["faults"]] == [(1, "")] * 3
    assert [toll["recovered"] for toll in ended.summary["faults"]] == [1, 0, 0]  # the oracle is not the target


def told_of_all_three(told: Told) -> bool:
    return recovered(1)(told) and "fault: slow oracle-postgres" in told.steps


async def test_callers_that_leave_are_nobodys_failure(stack: EmbeddedStack, tmp_path: Path) -> None:
    fault = "{do: abort, share: 50%}"
    limit, left = "thresholds: {error_rate: 0.0001%}", counted("given up on purpose", 20)
    ended, _ = await run(stack, tmp_path, fault, "concurrency: 8, duration: 10m", limit, left)
    clean(ended)
    lost = {line.get("lost") for line in history(tmp_path / "run")}
    assert lost == {None, "given up on purpose"}
