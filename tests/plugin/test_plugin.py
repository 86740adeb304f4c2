"""The pytest plugin, in a pytest of its own."""

import pytest

from tests.pets import FOLDER

SQL = (FOLDER / "pets.sql").read_text()
PETS = """
name: pets
stack: {sql: [pets.sql]}
identities:
  - {name: keeper, count: 8, claims: {role: role_readwrite, user_type: "tenant-{n}"}}
  - {name: no-claim, claims: {role: role_readwrite}}
requests:
  - {name: list, get: "/pets?select=id&order=id", expect: {rows: SELECT id FROM pets WHERE OWNER ORDER BY id}}
load: [{name: short, concurrency: 4, requests: 300}]
"""
RIGHT = PETS.replace("OWNER", "keeper = :user_type")
WRONG = PETS.replace("OWNER", "keeper = 'tenant-1'")
NEEDED = ("-p", "no:cacheprovider", "-p", "no:asyncio")


@pytest.fixture
def team(pytester: pytest.Pytester) -> pytest.Pytester:
    """A team's folder of tests."""
    (pytester.path / "pets.sql").write_text(SQL)
    return pytester


def test_a_scenario_beside_the_tests_is_one(team: pytest.Pytester) -> None:
    (team.path / "right.loadcheck.yaml").write_text(RIGHT)
    (team.path / "other.yaml").write_text("not a scenario")
    team.runpytest_subprocess(*NEEDED).assert_outcomes(passed=1)


def test_one_that_fails_tells_its_story_and_no_traceback(team: pytest.Pytester) -> None:
    (team.path / "wrong.loadcheck.yaml").write_text(WRONG)
    (team.path / "mistaken.loadcheck.yaml").write_text("name: x\nidentites: []\n")
    ended = team.runpytest_subprocess(*NEEDED)
    ended.assert_outcomes(failed=2)
    ended.stdout.fnmatch_lines(["*mistaken.loadcheck.yaml:2:1: unknown key `identites`", "*did you mean `identities`?"])
    ended.stdout.fnmatch_lines(["fail: *", "*F1 *asked for list and *", "*run: *"])
    ended.stdout.no_fnmatch_line("*Traceback*")


def test_which_files_are_scenarios_is_the_projects_choice(team: pytest.Pytester) -> None:
    team.makeini("[pytest]\nloadcheck_files = checks/*.yaml")
    (team.path / "checks").mkdir()
    (team.path / "checks" / "pets.yaml").write_text(RIGHT.replace("pets.sql", "../pets.sql"))
    (team.path / "left.loadcheck.yaml").write_text("not a scenario")
    ended = team.runpytest_subprocess(*NEEDED, "--collect-only", "-q")
    ended.stdout.fnmatch_lines(["checks/pets.yaml::run", "1 test collected*"])


def test_the_fixtures_give_a_stack_and_a_run(team: pytest.Pytester) -> None:
    (team.path / "pets.yaml").write_text(RIGHT)
    team.makepyfile("""
        import json, urllib.request

        def test_stack(loadcheck_stack):
            stack = loadcheck_stack("pets.yaml")
            assert stack is loadcheck_stack("pets.yaml")
            assert stack.dsn not in repr(stack)
            headers = {"Authorization": "Bearer " + stack.token("keeper#1")}
            asked = urllib.request.Request(stack.url + "/pets?select=keeper", headers=headers)
            assert {row["keeper"] for row in json.load(urllib.request.urlopen(asked))} == {"tenant-1"}

        def test_run(loadcheck_run):
            result = loadcheck_run("pets.yaml", "--seed", "7")
            assert (result.exit_code, result.findings) == (0, []), result.story
            assert result.summary["seed"] == 7
    """)
    team.runpytest_subprocess(*NEEDED).assert_outcomes(passed=2)


def test_nothing_of_loadcheck_is_imported_before_it_is_needed(team: pytest.Pytester) -> None:
    team.makepyfile("""
        import sys

        def test_light():
            assert {name for name in sys.modules if name.startswith("loadcheck.")} == {"loadcheck.pytest_plugin"}
    """)
    team.runpytest_subprocess(*NEEDED).assert_outcomes(passed=1)
