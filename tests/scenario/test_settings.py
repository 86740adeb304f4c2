from pathlib import Path

import pytest

from tests.scenario.files import MINIMAL, loaded, told


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("db-pre-requst", "db-pre-request"),
        ("db_pool", "db-pool"),
        ("DB-Pool", "db-pool"),
        ("dbpool", "db-pool"),
        ("db-prepared-statement", "db-prepared-statements"),
        ("db-tx-ends", "db-tx-end"),
        ("server-timing-enable", "server-timing-enabled"),
        ("jwt-role-claim-keys", "jwt-role-claim-key"),
    ],
)
def test_a_setting_that_is_nearly_one_of_postgrests_is_a_mistake(tmp_path: Path, written: str, meant: str) -> None:
    text = MINIMAL + f"stack:\n  postgrest:\n    db-max-rows: 10\n    {written}: 1\n"
    assert told(tmp_path, text) == [
        f"scenario.yaml:9:5: PostgREST has no setting `{written}`, and would pass over it\n    did you mean `{meant}`?"
    ]


@pytest.mark.parametrize(
    "written",
    [
        "db-pool",
        "max-rows",
        "db-schema",
        "app.settings.db-pol",
        "app.settings.x",
        "admin-server-host",
        "jwt-cache-max-entries",
        "log-query",
        "something-else",
        "db-read-replicas",
    ],
)
def test_one_that_it_has_or_that_a_newer_one_may_have_passes(tmp_path: Path, written: str) -> None:
    scenario = loaded(tmp_path, MINIMAL + f"stack: {{postgrest: {{{written}: 1}}}}\n").scenario
    assert scenario.stack.postgrest == {written: 1}


def test_it_is_told_beside_other_mistakes_and_of_the_command_line(tmp_path: Path) -> None:
    text = MINIMAL.replace("count", "cuont") + "stack: {postgrest: {db-pol: 1}}\n"
    problems = told(tmp_path, text, {"stack.postgrest.db-schmas": "api"})
    assert [problem.splitlines()[-1].strip() for problem in problems] == [
        "did you mean `count`?",
        "did you mean `db-pool`?",
        "did you mean `db-schemas`?",
    ]
