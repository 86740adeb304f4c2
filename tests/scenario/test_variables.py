from pathlib import Path

import pytest

from loadcheck.scenario.variables import VariableError, substitute
from tests.scenario.files import MINIMAL, loaded, told


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("a", "a"),
        ("${A}", "1"),
        ("x${A}y${B:-z}", "x1yz"),
        ("${EMPTY:-default}", "default"),
        ("${EMPTY}", ""),
        ("${NO:-}", ""),
        ("${NO:-a b:c}", "a b:c"),
        ("$${A}", "${A}"),
        ("$A $ {A} $$", "$A $ {A} $$"),
        ("${TWICE}", "${A}"),
    ],
)
def test_variables_are_filled_in_once(text: str, filled: str) -> None:
    assert substitute(text, {"A": "1", "EMPTY": "", "TWICE": "${A}"}) == filled


@pytest.mark.parametrize("text", ["${", "${}", "${1}", "${a b}", "${A:default}", "${A"])
def test_what_is_no_reference_is_refused(text: str) -> None:
    with pytest.raises(VariableError, match="begins no variable"):
        substitute(text, {"A": "1"})


def test_an_unset_variable_is_told_at_its_line(tmp_path: Path) -> None:
    text = MINIMAL.replace("t-{n}", "t-${N}") + "target:\n  url: ${HOST}\n  database: ${LOADCHECK_DATABSE}\n"
    assert told(tmp_path, text, LOADCHECK_DATABASE="postgres://secret") == [
        "scenario.yaml:3:59: the variable N is not set\n    set it, or give a default: ${N:-…}",
        "scenario.yaml:7:8: the variable HOST is not set\n    set it, or give a default: ${HOST:-…}",
        "scenario.yaml:8:13: the variable LOADCHECK_DATABSE is not set\n    did you mean ${LOADCHECK_DATABASE}?",
    ]


def test_what_a_variable_holds_will_do_for_numbers_words_and_switches(tmp_path: Path) -> None:
    text = """\
name: x
target: {timeout: "${N}", jwt: {algorithm: "${ALG}", secret: "${SECRET}"}}
stack: {pooler: {size: "${N}", pool_timeout: "${N}"}}
identities:
  - {name: a, count: "${N}", weight: "${N}", claims: {text: "${N}"}}
requests:
  - {name: r, head: /p, expect: {count: "${N}", status: "2${N}0", error: "${N}"}}
load:
  - {name: l, rate: "${N}", duration: "${N}", measure: "${NO}"}
  - {name: m, concurrency: "${N}", requests: "${N}"}
thresholds: {p99: "${N}", error_rate: "0.${N}", checked: "${N}"}
"""
    scenario = loaded(tmp_path, text, N="5", NO="no", ALG="HS384", SECRET="s" * 48).scenario
    (mix,) = scenario.identities
    assert (mix.count, mix.weight, mix.claims) == (5, 5, {"text": "5"})
    assert (scenario.target.timeout, scenario.target.jwt.algorithm) == (5, "HS384")
    assert (scenario.requests[0].expect.count, scenario.requests[0].expect.statuses) == (5, (250,))
    assert (scenario.load[0].rate, scenario.load[0].measure, scenario.load[1].requests) == (5, False, 5)
    assert (scenario.thresholds.error_rate, scenario.thresholds.checked) == (0.5, 5)


def test_keys_are_not_filled_in(tmp_path: Path) -> None:
    text = MINIMAL.replace("user_type:", '"${A}":')
    assert loaded(tmp_path, text, A="no").scenario.identities[0].claims["${A}"] == "t-{n}"
