"""The target: does it answer, what is it, and do its clock and its answers allow a run?"""

import re
from collections.abc import Iterator
from typing import Final

from loadcheck.doctor.line import About, Line, ok, unusable, warning
from loadcheck.doctor.target import Target

_SKEW_S: Final = 5.0
_POSTGREST: Final = re.compile(r"postgrest/(\d+)([\w.]*)", re.IGNORECASE)
_OLDEST: Final = 10  # earlier ones have other names for what the stamp and the scenario rely on


def reachable(target: Target) -> Iterator[Line]:
    """Tell whether anything answers."""
    if target.lost:
        yield unusable(About.TARGET, target.lost.message, target.lost.advice)
    else:
        yield ok(About.TARGET, f"{target.url} answers")


def version(target: Target) -> Iterator[Line]:
    """Tell PostgREST's version, by its Server header."""
    if target.lost:
        return
    told = _POSTGREST.search(target.server)
    if told is None:
        yield warning(
            About.TARGET,
            "the Server header does not name PostgREST, so its version is not known",
            "A gateway may hide it: look whether the URL leads to PostgREST.",
        )
    elif int(told[1]) < _OLDEST:
        yield warning(About.TARGET, f"PostgREST {told[1]}{told[2]} is old", "loadcheck is made for 12; upgrade it.")
    else:
        yield ok(About.TARGET, f"PostgREST {told[1]}{told[2]}")


def clock(target: Target) -> Iterator[Line]:
    """Tell how far the target's clock is off: tokens that are valid here may not be valid there."""
    if target.ahead is None:
        return
    side = "ahead" if target.ahead > 0 else "behind"
    if abs(target.ahead) > _SKEW_S:
        yield warning(
            About.TARGET,
            f"its clock is {abs(target.ahead):.0f} s {side} of this machine's",
            "Set one of them by NTP. A run signs its tokens by the target's clock meanwhile.",
        )
    else:
        yield ok(About.TARGET, "its clock agrees with this machine's")


def stamped(target: Target) -> Iterator[Line]:
    """Tell whether answers carry the stamp."""
    if target.stamped:
        yield ok(About.TARGET, "answers carry the stamp: backends, handoffs and settings can be seen")
    elif target.stamped is False:
        yield warning(
            About.TARGET,
            "answers carry no stamp, so backends, handoffs and the settings behind an answer cannot be seen",
            "loadcheck doctor SCENARIO --install-stamp prints the SQL for it.",
        )
