"""The scenario format, version 1, as typed models: what a scenario file may say, and nothing more."""

from pydantic import Field

from loadcheck.scenario.base import Name, Strict
from loadcheck.scenario.claim_mix import ClaimMix
from loadcheck.scenario.fault import Fault
from loadcheck.scenario.phase import Hunt, Phase
from loadcheck.scenario.request import Request
from loadcheck.scenario.stack import Stack
from loadcheck.scenario.target import Target
from loadcheck.scenario.thresholds import Thresholds
from loadcheck.scenario.units import Duration, Size
from loadcheck.scenario.writes import Table


class TruthReading(Strict):
    """When expected rows are read. Each is read before it is needed, and again when an answer disagrees with it."""

    every: Duration | None = Field(300.0, ge=1)
    """How often those that depend on no drawn variable are read again; null: never."""


class Scenario(Strict):
    """A whole scenario file."""

    name: Name
    """Names the run's folder, too."""
    description: str = ""
    """What it shows, for people."""
    target: Target = Target()
    """What is tested; with no url the embedded stack stands in."""
    stack: Stack = Stack()
    """The embedded servers, for when no target is given."""
    identities: list[ClaimMix] = Field(min_length=1)
    """Who asks."""
    requests: list[Request] = Field(min_length=1)
    """What is asked, and what the right answer is."""
    tables: dict[str, Table] = {}
    """The tables that the run writes to and whose rows it follows, by name."""
    audit: Duration | None = Field(None, ge=1)
    """How often, beside the end of the run, the tables are held against what was written."""
    load: list[Phase] = Field([Phase(name="steady", concurrency=16, duration=10.0)], min_length=1)
    """Phases, in order."""
    hunt: Hunt = Hunt()
    """What is sent beside, in the order that leaks hide behind."""
    truth: TruthReading = TruthReading()
    """When expected rows are read again during the run."""
    thresholds: Thresholds = Thresholds()
    """What a run must reach besides correctness."""
    stop_on_fail: bool = False
    """Whether the run ends, in order, at the first violation or broken window of a threshold."""
    history_limit: Size = Field(2 * 10**9, gt=0)
    """How large the run's history may grow; near it, the right answers of fewer and fewer identities are kept."""
    faults: list[Fault] = []
    """What breaks on purpose during the run."""

    @property
    def planned(self) -> bool:
        """Whether its phases list their exchanges, so that nothing but variables is drawn."""
        return bool(self.load[0].exchanges)

    def applies(self, request: Request, mix: ClaimMix) -> bool:
        """Whether identities of this mix send this request."""
        return not request.as_ or mix.name in request.as_
