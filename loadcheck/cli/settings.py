"""`--set KEY=VALUE`, for every command that reads a scenario."""

from collections.abc import Mapping
from typing import Final

import click

from loadcheck.errors import UsageProblem


def _split(_context: click.Context, _option: click.Parameter, settings: tuple[str, ...]) -> Mapping[str, str]:
    """Split each KEY=VALUE.

    Raises:
        UsageProblem: one of them has no equals sign.
    """
    pairs = [setting.partition("=") for setting in settings]
    for key, sign, _ in pairs:
        if not sign or not key:
            raise UsageProblem(f"--set {key}: not KEY=VALUE", "Write it like --set load.0.duration=5s")
    return {key: value for key, _, value in pairs}


with_settings: Final = click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    callback=_split,
    help="Change any value of the scenario.",
)
"""Gives a command the option, as a mapping of keys to values."""
