"""Which console a run is shown on, and how."""

import os
import sys
from typing import Final

from rich.console import Console

from loadcheck.report.live import LiveReporter
from loadcheck.report.plain import PlainReporter
from loadcheck.report.text import make_printable
from loadcheck.run.observer import Observer

_UNDRAWABLE: Final = {"", "dumb", "unknown"}  # kinds of terminal on which no line can be drawn again


class _Console(Console):
    """Standard output. When its reader has left, the run goes on in silence: its exit code still tells."""

    def on_broken_pipe(self) -> None:
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def open_console() -> Console:
    """Return the console for everything that loadcheck prints on standard output."""
    make_printable(sys.stdout)
    return _Console(highlight=False, emoji=False, markup=False)


def reporter_for(console: Console) -> Observer:
    """Return the live view, or plain lines where it cannot be drawn or is not wanted."""
    drawable = console.is_terminal and os.environ.get("TERM", "") not in _UNDRAWABLE
    wanted = not os.environ.get("NO_COLOR")
    return LiveReporter(console) if drawable and wanted else PlainReporter(console)
