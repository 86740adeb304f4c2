"""Likeness of truths: whether an answer that is right by one would be flagged by the other."""

from loadcheck.oracle.expectation import Expectation
from loadcheck.oracle.rows import split
from loadcheck.oracle.truth import Truth


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
    return expectation.ordered or sorted(split(mine.rows)) != sorted(split(theirs.rows))
