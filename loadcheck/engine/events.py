"""What the engine tells: the typed events that judge, record and report consume."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from loadcheck.oracle.rows import digest
from loadcheck.scenario.base import Scalar
from loadcheck.scenario.phase import Phase

# What is made for every exchange is not frozen, for that would take five times as long. Nobody changes it all the same,
# but for an exchange, which `Flights` fills in as it ends.


@dataclass(slots=True, unsafe_hash=True)
class Draw:
    """One input of the run, fixed by the seed and by `seq` alone.

    Attributes:
        seq: Position in the run's sequence of inputs, from 0.
        request: Index into the scenario's requests.
        identity: Index into the population.
        values: The request's variables, in the order in which the scenario names them.
        patience: Seconds after which it is given up on purpose, as callers do that leave; None: never.
        pause: Seconds for which its answer is left unread, as slow callers do.
        cold: Whether it is the first of several that are to find fresh backends.
    """

    seq: int
    request: int
    identity: int
    values: tuple[Scalar, ...] = ()
    patience: float | None = None
    pause: float = 0.0
    cold: bool = False


class Lost(StrEnum):
    """Why an exchange has no whole answer."""

    CONNECT = "no connection"
    TIMEOUT = "time-out"
    DISCONNECTED = "connection closed before the answer ended"
    TOO_LARGE = "answer longer than target.max_answer"
    PROTOCOL = "not HTTP"
    INTERRUPTED = "interrupted"
    GIVEN_UP = "given up on purpose"


@dataclass(slots=True)
class Answer:
    """A whole HTTP answer: header names in lower case, the values of a repeated header joined by commas.

    Attributes:
        sent: When the first byte of its request was written, by the transport's clock.
        done: When its own last byte was read.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    sent: float = field(default=0.0, compare=False)
    done: float = field(default=0.0, compare=False)

    @property
    def digest(self) -> bytes:
        """The digest of the body, by which it is compared with a truth's text."""
        return digest(self.body)


@dataclass(slots=True)
class Exchange:
    """One sending of one request, with its one answer or the reason that there is none.

    Attributes:
        phase: Index into the scenario's load.
        intended: When it should have been sent, in seconds since the run's start.
        sent: When its first byte was written; where there is no answer, when it was handed to the transport.
        done: When its last byte was read, or when it was given up.
        answer: The answer; None when it was lost.
        lost: Why there is no answer; None when there is one.
    """

    draw: Draw
    phase: int
    intended: float
    sent: float
    done: float
    answer: Answer | None
    lost: Lost | None = None

    @property
    def latency(self) -> float:
        """Seconds from the intended start to the end: no coordinated omission."""
        return self.done - self.intended

    @property
    def service(self) -> float:
        """Seconds from the actual sending to the end."""
        return self.done - self.sent


@dataclass(frozen=True, slots=True)
class PhaseStarted:
    """A phase begins, `at` seconds after the run's start."""

    index: int
    phase: Phase
    at: float


@dataclass(frozen=True, slots=True)
class PhaseEnded:
    """A phase is over, its last exchange included."""

    index: int
    phase: Phase
    at: float


@dataclass(slots=True)
class Ended:
    """Exchanges that have ended, in the order of their ends: all that did since the last were told.

    At full speed these are many, and what is done for all of them at once costs a fraction of what it does for each.
    """

    exchanges: Sequence[Exchange]


@dataclass(frozen=True, slots=True)
class Missed:
    """An arrival that could not be sent: as many exchanges as allowed were in flight."""

    phase: int
    at: float


Event = PhaseStarted | Ended | Missed | PhaseEnded
