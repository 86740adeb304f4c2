"""What a run may do to the servers under test beside asking them: nothing, unless they are ours."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field

from loadcheck.run.faults.faults import Break
from loadcheck.run.faults.lookout import Lookout
from loadcheck.scenario.fault import FaultKind

Freshen = Callable[[], Awaitable[None]]
"""Ends every backend of the single role, so that the next request finds a new one."""

StartOver = Callable[[], Awaitable[None]]
"""The same, and ends PostgREST's own connections. Raises EnvironmentProblem where it does not come up again."""

PastPooler = Callable[[], AbstractAsyncContextManager[str]]
"""Servers that are the same but for the pooler, for as long as it is entered: yields where requests to them go."""

Renew = Callable[[], Awaitable[None]]
"""Has the pooler make its connections anew, as nobody uses them. Raises EnvironmentProblem where it cannot be asked."""


@dataclass(frozen=True, slots=True)
class Powers:
    """What the embedded stack allows; a target allows nothing.

    Attributes:
        freshen: Gives fresh backends.
        start_over: Starts PostgREST over as well; None where it is not ours.
        past_pooler: Keeps the same servers but for the pooler; None where there is no pooler.
        renew: Has the pooler make its connections anew; None where it is not PgBouncer.
        breaks: What makes each fault.
        lookout: Is told when one of the servers ends by itself.
    """

    freshen: Freshen | None = None
    start_over: StartOver | None = None
    past_pooler: PastPooler | None = None
    renew: Renew | None = None
    breaks: Mapping[FaultKind, Break] = field(default_factory=dict)
    lookout: Lookout = field(default_factory=Lookout)
