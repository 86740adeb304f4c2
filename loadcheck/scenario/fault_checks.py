"""What is wrong with a fault although each of its values is well-formed."""

from collections.abc import Mapping
from typing import Final

from loadcheck.scenario.document import Document, Loc
from loadcheck.scenario.fault import Fault, FaultKind
from loadcheck.scenario.parts import Parts
from loadcheck.scenario.problems import Hint, Problems
from loadcheck.scenario.programs import check_command
from loadcheck.scenario.stack import PgBouncer, Pooler, Stack

FAULT_PLACEHOLDERS: Final = ("url", "database", "folder", "python")
"""The target, the oracle's DSN, the scenario's folder, and the Python that runs loadcheck."""

_ALWAYS: Final = frozenset({"do", "at", "every"})
_LASTING: Final = frozenset({"for"})
_SHARED: Final = frozenset({"share"})
_NETWORK: Final = frozenset({"for", "share", "between"})
_FITTING: Final[Mapping[FaultKind, frozenset[str]]] = {
    FaultKind.TERMINATE_BACKENDS: _SHARED,
    FaultKind.CANCEL_QUERIES: _SHARED,
    FaultKind.PGBOUNCER_RECONNECT: frozenset(),
    FaultKind.PGBOUNCER_PAUSE: _LASTING,
    FaultKind.PGBOUNCER_RESTART: _LASTING,
    FaultKind.PGBOUNCER_KILL: _LASTING,
    FaultKind.SCHEMA_RELOAD: frozenset(),
    FaultKind.CONFIG_RELOAD: frozenset(),
    FaultKind.POSTGREST_RESTART: _LASTING,
    FaultKind.ROTATE_JWT_SECRET: _SHARED,
    FaultKind.POSTGRES_RESTART: _LASTING,
    FaultKind.POSTGRES_CRASH: _LASTING,
    FaultKind.SLOW: _NETWORK | {"latency", "bandwidth"},
    FaultKind.CUT: _NETWORK | {"how"},
    FaultKind.ABORT: _LASTING | _SHARED,
    FaultKind.EXPIRE_TOKENS: _LASTING | _SHARED,
    FaultKind.ORACLE_DISCONNECT: frozenset(),
    FaultKind.RUN: _LASTING | {"start", "stop"},
}
"""Which keys go with which fault, beside `do`, `at` and `every`."""
_KEYS: Final = _ALWAYS.union(*_FITTING.values())
_NEEDED: Final[Mapping[FaultKind, tuple[str, ...]]] = {
    FaultKind.PGBOUNCER_PAUSE: ("for",),
    FaultKind.SLOW: ("between", "for"),
    FaultKind.CUT: ("between", "for"),
    FaultKind.RUN: ("start",),
}


def check_faults(parts: Parts, document: Document, problems: Problems) -> None:
    """Check every fault; what is wrong with them goes to the problems."""
    for part in parts.faults:
        _Check(part.loc, part.model, document, problems).all(parts.stack.model)


class _Check:
    def __init__(self, loc: Loc, fault: Fault, document: Document, problems: Problems) -> None:
        self._loc = loc
        self._fault = fault
        # As written: what is malformed is not in the model, and is not missing either.
        self._given = {key for key in _KEYS if document.path((*loc, key)) == (*loc, key)}
        self._document = document
        self._problems = problems

    def all(self, stack: Stack) -> None:
        self._fitting()
        self._complete()
        self._timed()
        self._pooled(stack.pooler)
        if self._fault.between == "gateway-postgrest" and stack.gateway is None:
            self._add("between", "the stack has no gateway", "the stretch is called loadcheck-postgrest")
        for key in ("start", "stop"):
            command = getattr(self._fault, key)
            if command is not None:
                check_command(command, (*self._loc, key), FAULT_PLACEHOLDERS, self._document, self._problems)

    def _fitting(self) -> None:
        kind = self._fault.do
        fitting = _FITTING[kind]
        known = " ".join(sorted(fitting | _ALWAYS - {"do"}))
        for key in sorted(self._given - fitting - _ALWAYS):
            place = self._document.key_place((*self._loc, key))
            self._problems.add(place, f"`{key}` does not go with {kind}", f"known here: {known}")

    def _complete(self) -> None:
        kind = self._fault.do
        for key in _NEEDED.get(kind, ()):
            if key not in self._given:
                self._add("do", f"{kind} needs `{key}`")
        if kind is FaultKind.SLOW and not self._given & {"latency", "bandwidth"}:
            self._add("do", "slow needs `latency` or `bandwidth`", "such as latency: 200ms, or bandwidth: 64kB")
        if "stop" in self._given and "for" not in self._given:
            self._add("stop", "`stop` needs `for`", "it is run when that is over")

    def _timed(self) -> None:
        lasting, every = self._fault.for_, self._fault.every
        if every is not None and lasting is not None and lasting >= every:
            self._add("for", "`for` is not shorter than `every`, so it would never be over")
        if every is not None and lasting is None and self._fault.do in {FaultKind.ABORT, FaultKind.EXPIRE_TOKENS}:
            self._add("every", f"{self._fault.do} with `every` needs `for`", "without both it lasts until the end")

    def _pooled(self, pooler: Pooler) -> None:
        if self._fault.do.startswith("pgbouncer-") and not isinstance(pooler, PgBouncer):
            self._add("do", f"{self._fault.do}: the stack has no PgBouncer", "it has another pooler, or none")
        if self._fault.between == "postgrest-pooler" and pooler == "none":
            self._add("between", "the stack has no pooler", "the stretch is called pooler-postgres")

    def _add(self, key: str, message: str, hint: Hint = "") -> None:
        self._problems.add(self._document.place((*self._loc, key)), message, hint)
