"""A finding's reproduction as files: a scenario that `loadcheck run` takes, and a script of curl lines."""

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Final

from loadcheck.engine.events import Draw
from loadcheck.engine.messages import Message
from loadcheck.identity.population import Identity
from loadcheck.judge.findings import Finding, Reproduction
from loadcheck.oracle.stamp import NONCE_HEADER
from loadcheck.record.stored import StoredReproduction
from loadcheck.scenario.claim_mix import TokenKind
from loadcheck.scenario.model import Scenario
from loadcheck.scenario.phase import Planned
from loadcheck.scenario.redaction import secret_headers
from loadcheck.scenario.replay import Replay, replay_yaml, variable

SCENARIO: Final = "reproduce.yaml"
SCRIPT: Final = "reproduce.sh"
_LEFT_OUT: Final = frozenset({"authorization", "user-agent", NONCE_HEADER.lower()})
_NAMED: Final = 4  # groups of exchanges told by name


@dataclass(frozen=True, slots=True)
class ReproductionWriter:
    """Turns reproductions into files.

    Attributes:
        scenario: That of the run.
        population: Its identities.
        folder: What the scenario's files are relative to.
        compose: Gives what is sent for a draw.
        base_url: What every message's URL begins with.
    """

    scenario: Scenario
    population: Sequence[Identity]
    folder: Path
    compose: Callable[[Draw], Message]
    base_url: str

    def stored(self, finding: Finding) -> StoredReproduction | None:
        """Return what findings.json holds of a reproduction; None where there is none."""
        found = finding.reproduction
        if found is None:
            return None
        return {
            "exchanges": len(found.draws),
            "concurrency": found.concurrency,
            "repeat": found.repeat,
            "fresh": found.fresh,
            "told": self._told(found),
            "scenario": f"{finding.id}/{SCENARIO}",
            "script": f"{finding.id}/{SCRIPT}",
        }

    def files(self, finding: Finding) -> dict[str, str]:
        """Return the files of a finding by their paths in the run folder; none where there is no reproduction."""
        found = finding.reproduction
        if found is None:
            return {}
        return {
            f"{finding.id}/{SCENARIO}": replay_yaml(self.scenario, self._replay(finding, found)),
            f"{finding.id}/{SCRIPT}": "\n".join(self._script(finding, found)) + "\n",
        }

    def _told(self, found: Reproduction) -> str:
        """Tell the exchanges in words, such as `keeper#1 list, then no-claim list`."""
        names = [f"{self._label(draw)} {self.scenario.requests[draw.request].name}" for draw in found.draws]
        groups = [(name, sum(1 for _ in same)) for name, same in groupby(names)]
        told = [name if times == 1 else f"{name} {times} times" for name, times in groups]
        shown = told if len(told) <= _NAMED else [*told[: _NAMED - 2], "…", told[-1]]
        ways = []
        if found.repeat > 1:
            ways.append(f"{found.repeat:,} times")
        if found.concurrency > 1:
            ways.append(f"by {found.concurrency} clients at once")
        return ", then ".join(shown) + (f"; {', '.join(ways)}" if ways else "")

    def _replay(self, finding: Finding, found: Reproduction) -> Replay:
        name = f"{self.scenario.name} {finding.id}"[-80:]
        description = (
            f"{finding.symptom} in request {self.scenario.requests[finding.request].name!r}: {self._told(found)}."
        )
        exchanges = tuple(self._planned(draw) for draw in found.draws)
        return Replay(
            name, description, self.folder.absolute(), exchanges, found.concurrency, found.repeat, self._count(finding)
        )

    def _planned(self, draw: Draw) -> Planned:
        request = self.scenario.requests[draw.request]
        return Planned(
            identity=self._label(draw),
            request=request.name,
            vars=dict(zip(request.vars, draw.values, strict=True)),
        )

    def _count(self, finding: Finding) -> Mapping[str, int]:
        """Return how many identities of each counted mix it takes; two at least, for labels have no number with one."""
        draws = () if finding.reproduction is None else finding.reproduction.draws
        needed = {draw.identity for draw in draws} | (set() if finding.source is None else {finding.source})
        count: dict[str, int] = {}
        for index in needed:
            identity = self.population[index]
            mix = self.scenario.identities[identity.mix]
            if mix.from_ is None and mix.count > 1:
                count[mix.name] = max(count.get(mix.name, 2), int(identity.variables["n"]))
        return count

    def _script(self, finding: Finding, found: Reproduction) -> Iterator[str]:
        request = self.scenario.requests[finding.request].name
        yield from (
            "#!/bin/sh",
            f"# {_comment(finding.id)}: {finding.symptom} in request {_comment(request)}.",
            f"# {_comment(self._told(found))}",
            "# Keep a stack for it in another shell: loadcheck up reproduce.yaml",
            "# and paste the line that it prints: export LOADCHECK_URL=… LOADCHECK_JWT_SECRET=…",
            "set -eu",
            'cd "$(dirname "$0")"',
            ': "${LOADCHECK_URL:?is where requests go}"',
            "token() {",
            f'    "${{LOADCHECK:-loadcheck}}" token {SCENARIO} "$1"',
            "}",
            *self._tokens(found),
            "replay() {",
            *(f"    {line}" for draw in found.draws for line in self._asked(draw)),
            "}",
        )
        yield from _calls(found)

    def _tokens(self, found: Reproduction) -> Iterator[str]:
        identities = {draw.identity: self.population[draw.identity] for draw in found.draws}
        for index, identity in identities.items():
            if identity.token is not TokenKind.MISSING:
                yield f"token_{index}=$(token {shlex.quote(identity.label)})"

    def _asked(self, draw: Draw) -> Iterator[str]:
        """Yield what says who asks for what, and what asks."""
        yield f"printf '%s\\n' {shlex.quote(f'# {self._label(draw)} {self.scenario.requests[draw.request].name}')}"
        yield self._curl(draw)

    def _curl(self, draw: Draw) -> str:
        message = self.compose(draw)
        words = [r"curl -gsS -i -w '\n\n'"]
        if message.method not in {"GET", "HEAD"}:
            words.append(f"-X {message.method}")
        if message.method == "HEAD":
            words.append("--head")
        words.append(f'"$LOADCHECK_URL"{shlex.quote(message.url.removeprefix(self.base_url))}')
        if self.population[draw.identity].token is not TokenKind.MISSING:
            words.append(f'-H "Authorization: Bearer $token_{draw.identity}"')
        words += self._headers(draw, message)
        if message.body is not None:
            words.append(f"--data-raw {shlex.quote(message.body.decode('utf-8', 'replace'))}")
        return " ".join(words)

    def _headers(self, draw: Draw, message: Message) -> Iterator[str]:
        secret = {name.lower() for name in self.scenario.target.headers}
        secret |= secret_headers(self.scenario.requests[draw.request])
        for name, value in message.headers.items():
            if name.lower() in secret:
                yield f'-H {shlex.quote(f"{name}: ")}"${variable(name)}"'
            elif name.lower() not in _LEFT_OUT:
                yield f"-H {shlex.quote(f'{name}: {value}')}"

    def _label(self, draw: Draw) -> str:
        return self.population[draw.identity].label


def _calls(found: Reproduction) -> Iterator[str]:
    """Yield what runs the replay as often, and as often at once, as it takes."""
    if found.repeat == found.concurrency == 1:
        yield "replay"
        return
    each = -(-found.repeat // found.concurrency)
    yield f"client() {{ for n in $(seq {each}); do replay; done; }}"
    yield f"for c in $(seq {found.concurrency}); do client & done"
    yield "wait"


def _comment(text: str) -> str:
    return text.replace("\n", " ").replace("\r", " ")
