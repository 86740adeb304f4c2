"""The command line: one module a command."""

import sys
from typing import NoReturn

from loadcheck.errors import ExitCode


def main() -> NoReturn:
    """Run the command line and leave with one of the documented exit codes."""
    try:
        from loadcheck.cli.app import exit_code  # noqa: PLC0415 -- Ctrl-C may come while all of it is read
    except KeyboardInterrupt:
        sys.exit(ExitCode.INTERRUPTED)
    sys.exit(exit_code())
