"""The command line: one module a command."""

from loadcheck.cli.app import main

__all__ = ["main"]
