"""The drafted scenario as YAML that people read: comments where they must decide."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import Any, Final

import yaml

from loadcheck.draft.identities import Mix
from loadcheck.draft.tree import laid_out

_WIDE: Final = 110
_REFUSED: Final = ("expired", "not-yet-valid", "wrong-key", "unsigned", "malformed")
_HEAD: Final = """\
# yaml-language-server: $schema=./loadcheck.schema.json
# Drafted by `loadcheck init`. What a person must decide is marked `decide:`. The expected rows were taken out of the
# policies as they are: confirm that each is what a caller should see, for a mistake in a policy is in it, too.
"""
_TARGET: Final = """
target: # empty: the embedded stack stands in
  url: ${LOADCHECK_URL:-}
  database: ${LOADCHECK_DATABASE:-}
  jwt: {secret: "${LOADCHECK_JWT_SECRET:-}", algorithm: HS256}
"""
_LOAD: Final = """
load:
  - {{name: warm-up, concurrency: 4, duration: 2s, measure: false}}
  - {{name: alone, concurrency: 1, requests: {alone}}} # a pool hands out one backend again and again
  - {{name: crowd, concurrency: 32, requests: {crowd}}} # decide: at least twice as many callers as backends

thresholds: {{error_rate: 1%, checked: {checked}}} # decide: and how slow may it be? p99: 500ms
"""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request for a table's rows.

    Attributes:
        name: What people call it.
        path: What is asked.
        key: `rows` or `rows_as_identity`.
        sql: For the expected rows; empty: none at all.
        decide: What a person must decide about it; empty for nothing.
    """

    name: str
    path: str
    key: str
    sql: str
    decide: str = ""


@dataclass(frozen=True, slots=True)
class Draft:
    """Everything that is written down.

    Attributes:
        name: The scenario's.
        role: What every request runs as.
        owner: Who owns the tables.
        schema: The one that PostgREST serves.
        profile: The same where requests must name it; empty where it is the one that others get.
        sql: The embedded stack's files; empty where a target was looked at.
        mixes: Identities with claims.
        requests: One for each table.
        anonymous: Whether the target answers without a token.
        notes: What was left out, and why.
    """

    name: str
    role: str
    owner: str
    schema: str
    profile: str
    sql: Sequence[str]
    mixes: Sequence[Mix]
    requests: Sequence[Asked]
    anonymous: bool
    notes: Sequence[str]

    @property
    def text(self) -> str:
        """The scenario's file."""
        lines = [_HEAD + f"name: {scalar(self.name)}", _TARGET, *self._stack(), "identities:", *self._identities()]
        lines += ["", "requests:", *(line for asked in self.requests for line in _request(asked, self.profile))]
        lines += [line for note in self.notes for line in _decide(note)]
        return "\n".join(lines) + "\n" + self._load()

    def _stack(self) -> Iterator[str]:
        files = ", ".join(map(scalar, self.sql))
        todo = "" if self.sql else " # decide: files that make the tables, to test them here as well"
        served = "" if self.schema == "public" else f", postgrest: {flow({'db-schemas': self.schema})}"
        yield f"stack: {{sql: [{files}], owner: {scalar(self.owner)}, role: {scalar(self.role)}{served}}}{todo}\n"

    def _identities(self) -> Iterator[str]:
        for mix in self.mixes:
            yield from _identity(mix)
        role = flow({"role": self.role})
        yield "  - name: no-claim # a setting that outlives its transaction shows here first"
        yield from ("    weight: 3", f"    claims: {role}")
        for kind in _REFUSED:
            yield f"  - {{name: {kind}, token: {kind}, weight: 0.5, claims: {role}, expect: {{status: 401}}}}"
        if self.anonymous:
            yield "  # decide: the target answers without a token, too (db-anon-role): what may such callers see?"
        else:
            yield "  - {name: missing, token: missing, weight: 0.5, expect: {status: 401}}"

    def _load(self) -> str:
        pairs = len(self.requests) * (len(self.mixes) + len(_REFUSED) + 2)
        crowd = max(4000, 50 * pairs)
        return _LOAD.format(alone=max(400, 5 * pairs), crowd=crowd, checked=crowd // 2)


def scalar(value: str) -> str:
    """Return a text as YAML has it on one line, in quotes where it needs them."""
    return str(yaml.safe_dump(value, width=10**6, allow_unicode=True)).removesuffix("\n").removesuffix("\n...")


def flow(value: Any) -> str:
    """Return a value as YAML has it on one line."""
    return str(
        yaml.safe_dump(value, width=10**6, allow_unicode=True, default_flow_style=True, sort_keys=False)
    ).removesuffix("\n")


def _identity(mix: Mix) -> Iterator[str]:
    if mix.decide:
        yield from _decide(mix.decide)
    yield f"  - name: {scalar(mix.name)}"
    yield "    weight: 10"
    if mix.source:
        yield from _sql("    from", mix.source)
    yield f"    claims: {flow(mix.claims)}"


def _request(asked: Asked, profile: str) -> Iterator[str]:
    if asked.decide:
        yield from _decide(asked.decide)
    yield f"  - name: {scalar(asked.name)}"
    yield f"    get: {scalar(asked.path)}"
    if profile:
        yield f"    headers: {flow({'Accept-Profile': profile})}"
    if asked.sql:
        yield "    expect:"
        yield from _sql(f"      {asked.key}", asked.sql)
    else:
        yield "    expect: {rows: []}"


def _sql(key: str, sql: str) -> Iterator[str]:
    """Yield a statement: on one line, or where that is too long laid out as a block."""
    line = f"{key}: {scalar(sql)}"
    if len(line) <= _WIDE:
        yield line
        return
    indent = " " * (len(key) - len(key.lstrip()) + 2)
    yield f"{key}: |-"
    yield from (indent + part for part in laid_out(sql).splitlines())


def _decide(question: str) -> Iterator[str]:
    yield from wrap(f"decide: {question}", _WIDE, initial_indent="  # ", subsequent_indent="  # ")
