"""A question to the target that was not answered, as its user is told of it."""

from typing import Final

from loadcheck.engine.events import Lost
from loadcheck.engine.transport import LostAnswer
from loadcheck.errors import EnvironmentProblem
from loadcheck.scenario.target import Target

_CHECK: Final = "Check --url (target.url)."


def unanswered(loss: LostAnswer, target: Target) -> EnvironmentProblem:
    """Return what happened, and what to do about it.

    Args:
        loss: What became of a question.
        target: What was asked.
    """
    if loss.obstacle is not None:
        what, advice = loss.obstacle
        through, check = (" through target.proxy", " Check target.proxy as well.") if target.proxy else ("", "")
        return EnvironmentProblem(f"cannot connect to {target.url}{through}: {what}", advice + check)
    happened, advice = {
        Lost.TIMEOUT: (
            f"no answer within {target.timeout:g} s (target.timeout) from",
            f"{_tls(target.url)}Is the server hung or overloaded, or a firewall before it? Try the URL with curl.",
        ),
        Lost.PROTOCOL: ("not an HTTP answer from", f"Is this the port of PostgREST? {_CHECK}"),
        Lost.TOO_LARGE: (
            "too large an answer (target.max_answer) from",
            "Narrow the request with limit= or select=, or raise target.max_answer.",
        ),
    }.get(loss.lost, ("the connection was closed by", "Look at the target's log; try the URL with curl."))
    return EnvironmentProblem(f"{happened} {target.url}", advice)


def _tls(url: str) -> str:
    """Ask about what may have waited for the rest of a head, and got an offer of TLS, as PostgREST does."""
    return "Does it speak TLS, as https:// says? " if url.startswith("https:") else ""
