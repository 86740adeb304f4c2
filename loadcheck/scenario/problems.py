"""Mistakes in a scenario: where each is, what is wrong, and what was probably meant."""

import difflib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Final

from loadcheck.errors import UsageProblem

Hint = str | Callable[[], str]
"""What was meant. A callable is asked only if the mistake is shown: looking for what was meant is slow."""

_SHOWN: Final = 50
_COMPARED: Final = 1_000


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a file.

    Attributes:
        file: The file, as the user named it; or the option of the command line.
        line: From 1; 0 when the whole file is meant.
        column: In characters, from 1.
    """

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake.

    Attributes:
        message: What is wrong, in one line, with nothing secret in it.
        hint: What to write instead; empty when nobody can tell.
    """

    place: Place
    message: str
    hint: str = ""

    def __str__(self) -> str:
        lines = [f"{self.place}: {self.message}", *self.hint.splitlines()]
        return "\n    ".join(lines)


class ScenarioError(UsageProblem):
    """Everything that is wrong with a scenario, in the order of its lines.

    Args:
        problems: At least one.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=_order))
        count = len(self.problems)
        shown = [str(problem) for problem in self.problems[:_SHOWN]]
        if count > _SHOWN:
            shown.append(f"… and {count - _SHOWN} more")
        super().__init__(f"{count} {'mistake' if count == 1 else 'mistakes'} in the scenario", "\n".join(shown))


class Problems:
    """The mistakes found so far; one found twice, through an alias for instance, is kept once."""

    def __init__(self) -> None:
        self._found: dict[tuple[Place, str], Hint] = {}
        self._unreadable: set[Place] = set()

    def add(self, place: Place, message: str, hint: Hint = "") -> None:
        """Keep a mistake.

        Args:
            place: Where it is.
            message: What is wrong.
            hint: What was meant.
        """
        if place not in self._unreadable:
            self._found.setdefault((place, message), hint)

    def add_unreadable(self, place: Place, message: str, hint: Hint = "") -> None:
        """Keep a mistake for which nobody knows what stands there: nothing more is told of that place."""
        self.add(place, message, hint)
        self._unreadable.add(place)

    def raise_if_any(self) -> None:
        """Raise what was found.

        Raises:
            ScenarioError: something was.
        """
        if not self._found:
            return
        found = sorted(self._found.items(), key=lambda item: _order(Problem(*item[0])))
        hints = [hint if isinstance(hint, str) else hint() for _, hint in found[:_SHOWN]]
        hints += [""] * (len(found) - len(hints))
        raise ScenarioError(
            Problem(place, message, hint) for ((place, message), _), hint in zip(found, hints, strict=True)
        )


def nearest(word: str, candidates: Iterable[str], likeness: float = 0.6) -> str:
    """Return the candidate that looks most like the word; empty when none is as alike, from 0 to 1."""
    by_lower = {candidate.lower(): candidate for candidate in islice(candidates, _COMPARED)}
    close = difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=likeness)
    return by_lower[close[0]] if close else ""


def did_you_mean(word: str, candidates: Iterable[str]) -> str:
    """Return a hint that names the nearest candidate, or else all of them when they are few."""
    known = list(candidates)
    if near := nearest(word, known):
        return f"did you mean `{near}`?"
    return f"known here: {', '.join(known)}" if 0 < len(known) <= 20 else ""  # noqa: PLR2004 -- fits two lines


def _order(problem: Problem) -> tuple[bool, str, int, int]:
    """Put the scenario before the files that it names."""
    place = problem.place
    return not place.file.endswith((".yaml", ".yml")), place.file, place.line, place.column
