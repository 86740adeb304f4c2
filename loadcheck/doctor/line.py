"""What the doctor says: lines, each with what to do about it."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad it is: a warning may be meant so, and what is wrong cannot be."""

    OK = "ok"
    WARNING = "warning"
    WRONG = "wrong"


class About(StrEnum):
    """What a line is about, in the order in which lines are told."""

    TARGET = "target"
    TOKENS = "tokens"
    DATABASE = "database"
    POOLER = "pooler"
    ROLE = "role"
    ROW_SECURITY = "row security"
    COVERAGE = "coverage"


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that was looked at.

    Attributes:
        about: What it is about.
        level: How bad it is.
        text: What was seen, on one line.
        fix: SQL, a setting or an option that mends it; empty where there is nothing to mend.
        blocks: Whether it keeps loadcheck from running at all.
    """

    about: About
    level: Level
    text: str
    fix: str = ""
    blocks: bool = False


def ok(about: About, text: str) -> Line:
    """Return a line about what is as it should be."""
    return Line(about, Level.OK, text)


def warning(about: About, text: str, fix: str) -> Line:
    """Return a line about what may be meant so, or leaves something unseen."""
    return Line(about, Level.WARNING, text, fix)


def wrong(about: About, text: str, fix: str) -> Line:
    """Return a line about what cannot be meant so."""
    return Line(about, Level.WRONG, text, fix)


def unusable(about: About, text: str, fix: str) -> Line:
    """Return a line about what keeps loadcheck from running at all."""
    return Line(about, Level.WRONG, text, fix, blocks=True)
