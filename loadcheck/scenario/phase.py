"""Phases of the load, and what is sent beside it."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from loadcheck.scenario.base import Name, Scalar, Strict
from loadcheck.scenario.units import Duration, Rate, Share


class Planned(Strict):
    """One exchange of a phase that lists its own."""

    identity: Annotated[str, Field(min_length=1, max_length=100)]
    """Who sends it, such as keeper#17 or no-claim."""
    request: Name
    """What is sent."""
    vars: dict[str, Scalar] = {}
    """The request's variables; those left out are drawn from the run's seed."""

    @property
    def mix(self) -> str:
        """The name of the sender's claim mix."""
        return self.identity.partition("#")[0]


class Phase(Strict):
    """One stretch of load: closed loop by `concurrency`, or open loop by `rate`."""

    name: Name
    """What people call it."""
    concurrency: int | None = Field(None, ge=1, le=100_000)
    """Closed loop: so many clients, each sends its next request when the last is answered."""
    rate: Rate | None = Field(None, gt=0)
    """Open loop: so many arrivals, whatever the answers take."""
    ramp_to: Rate | None = Field(None, gt=0)
    """The rate at the phase's end, reached evenly."""
    arrivals: Literal["constant", "poisson"] = "constant"
    """Whether arrivals come evenly or at random."""
    max_in_flight: int = Field(256, ge=1, le=100_000)
    """An arrival beyond so many unanswered ones is missed."""
    duration: Duration | None = Field(None, gt=0)
    """How long it lasts."""
    requests: int | None = Field(None, ge=1)
    """How many exchanges it has, in place of a duration."""
    exchanges: tuple[Planned, ...] = ()
    """Exactly these exchanges, in this order, in place of a duration and of drawn ones."""
    repeat: int = Field(1, ge=1, le=1_000_000)
    """How often `exchanges` are sent, one time after another."""
    measure: bool = True
    """Whether it counts: false for a warm-up."""

    @model_validator(mode="after")
    def _one_loop(self) -> Self:
        if (self.concurrency is None) == (self.rate is None):
            raise ValueError("give concurrency (closed loop) or rate (open loop)")
        if [self.duration, self.requests, self.exchanges or None].count(None) != 2:  # noqa: PLR2004 -- all but one
            raise ValueError("give duration or requests, or list exchanges")
        if self.exchanges and self.concurrency is None:
            raise ValueError("exchanges go with concurrency, not with rate")
        if "repeat" in self.model_fields_set and not self.exchanges:
            raise ValueError("repeat goes with exchanges")
        open_only = {"ramp_to", "arrivals", "max_in_flight"} & self.model_fields_set
        if self.rate is None and open_only:
            raise ValueError(f"{', '.join(sorted(open_only))} goes with rate, not with concurrency")
        if self.ramp_to is not None and self.duration is None:
            raise ValueError("ramp_to needs a duration")
        return self

    @property
    def budget(self) -> int | None:
        """How many exchanges it has; None when its duration decides."""
        return len(self.exchanges) * self.repeat or self.requests


class Hunt(Strict):
    """What is sent in the order that leaks hide behind, beside what the weights ask for.

    One request several times in a row, with the same variables if it reads, each time by another identity: every
    kind after every other, those with a claim and those without it most of all.
    """

    share: Share = 0.3
    """Part of the exchanges that hunt; 0 for the weights alone."""
    aborts: Share = 0.01
    """Part of the hunting reads that are given up on purpose, before their answer or during it."""
    slow: Share = 0.01
    """Part of the hunting reads whose answer is left unread for up to 50 ms, as slow callers do, so that whatever
    stands between still has it while another identity asks the same."""
    cold: Share = 0.02
    """Part of the hunts that begin on fresh backends: the embedded stack's PgBouncer makes its connections anew."""
