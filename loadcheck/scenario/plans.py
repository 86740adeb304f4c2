"""What is wrong with exchanges that a phase lists, as far as no server is needed to tell."""

from collections.abc import Sequence
from dataclasses import dataclass

from loadcheck.scenario.claim_mix import ClaimMix
from loadcheck.scenario.document import Document, Loc
from loadcheck.scenario.parts import Part, Parts
from loadcheck.scenario.phase import Phase, Planned
from loadcheck.scenario.problems import Problems, did_you_mean
from loadcheck.scenario.request import Request


def check_plans(parts: Parts, document: Document, problems: Problems) -> None:
    """Check the exchanges of every phase; what is wrong with them goes to the problems.

    Args:
        parts: The scenario, as far as it could be read.
        document: Knows the places.
        problems: Where mistakes are kept.
    """
    plans = _Plans(parts, document, problems)
    for phase in parts.load:
        plans.check(phase)
    if len({bool(phase.model.exchanges) for phase in parts.load}) > 1:
        hint = "put the others into a scenario of their own"
        problems.add(document.place(("load",)), "some phases list their exchanges and others do not", hint)


@dataclass(frozen=True, slots=True)
class _Plans:
    parts: Parts
    document: Document
    problems: Problems

    def check(self, phase: Part[Phase]) -> None:
        for at, planned in enumerate(phase.model.exchanges):
            loc = (*phase.loc, "exchanges", at)
            mix = self._sender(loc, planned)
            request = self._request(loc, planned)
            if request is not None:
                self._variables(loc, planned, request)
                self._applies(loc, mix, request)

    def _sender(self, loc: Loc, planned: Planned) -> ClaimMix | None:
        mix = next((part.model for part in self.parts.identities if part.model.name == planned.mix), None)
        if planned.mix not in self.parts.names:
            self._unknown((*loc, "identity"), f"no identity is called `{planned.mix}`", planned.mix, self.parts.names)
        elif mix is not None and mix.from_ is None and not _is_one_of(planned.identity, mix):
            labels = mix.name if mix.count == 1 else f"{mix.name}#1 to {mix.name}#{mix.count}"
            place = self.document.place((*loc, "identity"))
            self.problems.add(place, f"no identity is called `{planned.identity}`", f"there is {labels}")
        return mix

    def _request(self, loc: Loc, planned: Planned) -> Request | None:
        known = [part.model.name for part in self.parts.requests]
        if planned.request in known:
            return self.parts.requests[known.index(planned.request)].model
        if self.parts.all_requests:
            self._unknown((*loc, "request"), f"no request is called `{planned.request}`", planned.request, known)
        return None

    def _variables(self, loc: Loc, planned: Planned, request: Request) -> None:
        for name in planned.vars.keys() - request.vars.keys():
            message = f"request `{request.name}` has no variable `{name}`"
            self._unknown((*loc, "vars", name), message, name, list(request.vars))

    def _applies(self, loc: Loc, mix: ClaimMix | None, request: Request) -> None:
        if mix is not None and request.as_ and mix.name not in request.as_:
            hint = f"it is sent as {', '.join(request.as_)}"
            self.problems.add(
                self.document.place((*loc, "request")), f"`{mix.name}` does not send `{request.name}`", hint
            )

    def _unknown(self, loc: Loc, message: str, name: str, known: Sequence[str]) -> None:
        self.problems.add(self.document.place(loc), message, lambda: did_you_mean(name, known))


def _is_one_of(label: str, mix: ClaimMix) -> bool:
    number = label.removeprefix(mix.name).removeprefix("#")
    if not number:
        return mix.count == 1
    return number.isdecimal() and number == number.lstrip("0") and int(number) <= mix.count
