"""The leaks of the gallery and their repaired twins, as tests need them."""

import json

import yaml

from tests.cli.command import SCENARIOS

LEAKS = SCENARIOS / "leaks"


def fixed_stack(leak: str) -> str:
    """Return the stack of a leak's repaired twin, to be set in place of the leaking one of a reproduction."""
    stack = yaml.safe_load((LEAKS / leak / "fixed.yaml").read_text())["stack"]
    return json.dumps({**stack, "folder": str(LEAKS / leak)})
