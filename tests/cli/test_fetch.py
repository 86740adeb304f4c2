"""`loadcheck fetch` where everything is there already."""

import re

from click.testing import CliRunner

from loadcheck.cli.fetch import command
from loadcheck.stack.stack import EmbeddedStack


def test_it_says_what_it_found_where(pets_stack: EmbeddedStack) -> None:
    result = CliRunner().invoke(command)
    assert result.exit_code == 0
    assert "fetching" not in result.output
    for line, (name, version) in zip(result.output.splitlines(), pets_stack.versions.items(), strict=True):
        assert re.fullmatch(rf"{name} +{re.escape(version)} +/.* \((on the PATH|fetched|from the wheel|LOAD.*)\)", line)
