"""The small pets scenario that tests of several folders share."""

from pathlib import Path
from typing import Any

from loadcheck.scenario.model import Scenario

FOLDER = Path(__file__).parent
KEEPERS = 8
PETS_EACH = 20


def pets(target: dict[str, Any] | None = None, **stack: Any) -> Scenario:
    """Return the scenario with other keys of `target` and `stack`."""
    return Scenario.model_validate(
        {
            "name": "pets",
            "target": target or {},
            "stack": {"sql": ["pets.sql"], **stack},
            "identities": [
                {
                    "name": "keeper",
                    "count": KEEPERS,
                    "claims": {"role": "role_readwrite", "user_type": "tenant-{n}"},
                }
            ],
            "requests": [
                {
                    "name": "list",
                    "get": "/pets?select=id,name,keeper&order=id",
                    "expect": {"rows": "SELECT id, name, keeper FROM pets WHERE keeper = :user_type ORDER BY id"},
                }
            ],
        }
    )
