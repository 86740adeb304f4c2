"""Likeness of right answers: whether one that is right by my truth would be flagged by another's."""

from collections.abc import Mapping
from typing import Any

from loadcheck.oracle.expectation import Expectation
from loadcheck.oracle.rows import DIGEST_BYTES, row_digest, split
from loadcheck.oracle.truth import Truth
from loadcheck.scenario.placeholders import fill_value


def told_apart(expectation: Expectation, mine: Truth, theirs: Truth) -> bool:
    """Whether an answer that is right by my truth is wrong by theirs, looked at as the judge looks at answers.

    Args:
        expectation: What the request must answer to me.
        mine: My truth.
        theirs: Another's.
    """
    if theirs.total is not None and theirs.total != mine.total:
        return True
    if not expectation.expects_rows or mine.rows == theirs.rows:
        return False
    if len(mine.rows) != len(theirs.rows) or mine.rows[:DIGEST_BYTES] not in theirs.rows:
        return True
    # Another order of the same rows tells nobody's answer from anybody's: `order=` may leave some of them level.
    return sorted(split(mine.rows)) != sorted(split(theirs.rows))


def filled(expectation: Expectation, variables: Mapping[str, Any]) -> bytes:
    """Return the digest of the headers and the JSON that are expected with these claims and variables."""
    headers = [None if template is None else template.fill(variables) for _, template in expectation.headers]
    return row_digest([fill_value(list(expectation.json), variables), headers])
