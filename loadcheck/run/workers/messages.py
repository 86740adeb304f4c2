"""What a run and its workers tell each other. Nothing here knows where a worker is."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from loadcheck.engine.events import Draw
from loadcheck.engine.share import Share
from loadcheck.errors import ExitCode
from loadcheck.judge.findings import Findings
from loadcheck.judge.writes import Write
from loadcheck.record.coverage import Use
from loadcheck.record.stored import StoredKept
from loadcheck.record.tally import Tally
from loadcheck.run.judging.accounts import Accounts
from loadcheck.run.judging.suspicion import Gone, Told
from loadcheck.run.preparing.preparation import Known
from loadcheck.scenario.fault import Fault
from loadcheck.scenario.load import LoadedScenario
from loadcheck.scenario.target import Jwt


@dataclass(frozen=True, slots=True)
class Job:
    """What a worker is to do. It holds secrets, so it goes over the line and never onto a command line.

    Attributes:
        loaded: The scenario, with its target filled in.
        share: The worker's part of it.
        seed: The run's seed.
        started: When the run started, in seconds since 1970.
        folder: The run's folder.
        known: What all workers must have alike.
    """

    loaded: LoadedScenario = field(repr=False)
    share: Share
    seed: int
    started: float
    folder: Path
    known: Known


@dataclass(frozen=True, slots=True)
class Begin:
    """To a worker: begin this phase."""

    phase: int


@dataclass(frozen=True, slots=True)
class Look:
    """To a worker: report."""


@dataclass(frozen=True, slots=True)
class Strike:
    """To a worker: a fault is about to happen. It is not made before all have answered that they know.

    Attributes:
        fault: Index into the scenario's faults.
    """

    fault: int


@dataclass(frozen=True, slots=True)
class Braced:
    """From a worker: what it judges from now on, it judges under the fault of the last `Strike`."""


@dataclass(frozen=True, slots=True)
class Rotated:
    """To a worker: a fault has changed the key, and the target knows it."""

    fault: Fault
    jwt: Jwt = field(repr=False)


@dataclass(frozen=True, slots=True)
class Mended:
    """To a worker: a fault is over."""

    fault: int


@dataclass(frozen=True, slots=True)
class Recovered:
    """From a worker: the target gave it the right answer again.

    Attributes:
        fault: Index into the scenario's faults.
        nth: Which of its windows, from 0.
        took: Seconds since the fault was over.
    """

    fault: int
    nth: int
    took: float


@dataclass(frozen=True, slots=True)
class Cool:
    """From a worker: it is time for fresh backends."""


@dataclass(frozen=True, slots=True)
class Question:
    """From a worker: who of the others may have removed these rows?

    Attributes:
        worker: Who asks, from 1.
        number: Tells its questions apart.
    """

    worker: int
    number: int
    rows: Sequence[Gone]


@dataclass(frozen=True, slots=True)
class Asked:
    """To a worker: another one's question, numbered by the run."""

    number: int
    rows: Sequence[Gone]


@dataclass(frozen=True, slots=True)
class Answered:
    """From a worker: of each row the last write that may have removed it."""

    number: int
    suspects: Sequence[Write | None]


@dataclass(frozen=True, slots=True)
class Reply:
    """To the worker that asked: what the others have answered, by its own number."""

    number: int
    told: Told


@dataclass(frozen=True, slots=True)
class Settle:
    """To a worker that waits for what comes after the last phase: all faults are mended, so ask again in peace."""


@dataclass(frozen=True, slots=True)
class Stop:
    """To a worker: let nothing more start; said again: leave at once."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """From a worker: all before this phase is over."""

    phase: int


@dataclass(frozen=True, slots=True)
class Report:
    """From a worker: all that it has counted and found so far.

    Attributes:
        tally: What it counted.
        findings: What it found; None where nothing new was found since the last report.
        planted: Canaries by the index of their request.
        passed: Those of them that the judge took for right.
        uses: The stamped answers since the last report: the backend's pid, and what it was used for.
        generator: What it used itself.
        in_flight: Exchanges sent and not yet done.
        accounts: What came of its writes.
    """

    tally: Tally
    findings: Findings | None
    planted: Counter[int]
    passed: Counter[int]
    uses: Sequence[tuple[int, Use]]
    generator: dict[str, float | None]
    in_flight: int
    accounts: Accounts


@dataclass(frozen=True, slots=True)
class Judged:
    """From a worker: a report, every exchange having its verdict."""

    report: Report


@dataclass(frozen=True, slots=True)
class Conclude:
    """To a worker that has judged everything: audit what it has written once more."""


@dataclass(frozen=True, slots=True)
class Enough:
    """To a worker that was told to `Conclude`: end the audit, however far it is."""


@dataclass(frozen=True, slots=True)
class Audited:
    """From a worker: that is done, as far as it could be."""


@dataclass(frozen=True, slots=True)
class Finish:
    """To a worker that has judged everything: nobody asks for anything any more, so write down the rest."""


@dataclass(frozen=True, slots=True)
class Finished:
    """From a worker: its last report, all being judged, audited and written down.

    Attributes:
        kept: What its history kept.
        beginning: The first exchanges that it sent.
    """

    report: Report
    kept: StoredKept
    beginning: Sequence[Draw]


@dataclass(frozen=True, slots=True)
class Failed:
    """From a worker: why it cannot go on.

    Attributes:
        message: What happened.
        advice: What to do next.
        code: What loadcheck is to exit with.
    """

    message: str
    advice: str
    code: ExitCode
