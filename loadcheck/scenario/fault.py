"""Faults: what breaks on purpose during a run, when, and for how long."""

from enum import StrEnum
from typing import Final, Literal

from pydantic import Field

from loadcheck.scenario.base import Strict
from loadcheck.scenario.units import Duration, Share, Size


class FaultKind(StrEnum):
    """What can break."""

    TERMINATE_BACKENDS = "terminate-backends"
    CANCEL_QUERIES = "cancel-queries"
    PGBOUNCER_RECONNECT = "pgbouncer-reconnect"
    PGBOUNCER_PAUSE = "pgbouncer-pause"
    PGBOUNCER_RESTART = "pgbouncer-restart"
    PGBOUNCER_KILL = "pgbouncer-kill"
    SCHEMA_RELOAD = "schema-reload"
    CONFIG_RELOAD = "config-reload"
    POSTGREST_RESTART = "postgrest-restart"
    ROTATE_JWT_SECRET = "rotate-jwt-secret"  # noqa: S105 -- a fault's name
    POSTGRES_RESTART = "postgres-restart"
    POSTGRES_CRASH = "postgres-crash"
    SLOW = "slow"
    CUT = "cut"
    ABORT = "abort"
    EXPIRE_TOKENS = "expire-tokens"
    ORACLE_DISCONNECT = "oracle-disconnect"
    RUN = "run"


Hop = Literal["loadcheck-postgrest", "gateway-postgrest", "postgrest-pooler", "pooler-postgres", "oracle-postgres"]
"""A stretch of the network; with a gateway, loadcheck-postgrest is the way to the gateway."""

OURS: Final = frozenset({FaultKind.ABORT, FaultKind.EXPIRE_TOKENS, FaultKind.ORACLE_DISCONNECT, FaultKind.RUN})
"""What loadcheck does by itself or by the user's command, and so against any target; the rest needs the stack."""


class Fault(Strict):
    """Something that breaks on purpose during the run."""

    do: FaultKind
    """What breaks."""
    at: Duration | None = Field(None, ge=0)
    """When, counted from the start of the first phase; by default after `every`, or at once."""
    every: Duration | None = Field(None, gt=0)
    """How long after its last beginning it happens again; left out: once."""
    for_: Duration | None = Field(None, alias="for", gt=0)
    """How long it lasts."""
    share: Share | None = Field(None, gt=0)
    """Part of the backends, connections or exchanges that it strikes; by default all, or a tenth of the exchanges."""
    between: Hop | None = None
    """Which stretch of the network is slow or cut."""
    latency: Duration | None = Field(None, gt=0)
    """How much later everything arrives, in each direction."""
    bandwidth: Size | None = Field(None, gt=0)
    """Bytes a second that each connection carries, in each direction."""
    how: Literal["reset", "half-open"] | None = None
    """How the network is cut: connections are reset (the default), or nothing arrives any more and nobody is told."""
    start: str | None = Field(None, min_length=1)
    """The command line that breaks something, with placeholders: {url} {database} {folder} {python}."""
    stop: str | None = Field(None, min_length=1)
    """The command line that mends it, after `for`."""

    @property
    def of_the_target(self) -> bool:
        """Whether it breaks what is tested, which must recover; the user's command may."""
        return (self.do is FaultKind.RUN or self.do not in OURS) and self.between != "oracle-postgres"

    @property
    def label(self) -> str:
        """What people call it: `slow postgrest-pooler`."""
        return f"{self.do} {self.between}" if self.between else str(self.do)
