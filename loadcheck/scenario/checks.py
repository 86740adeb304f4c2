"""What is wrong with a scenario although each of its values is well-formed, as far as no server is needed to tell."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from loadcheck.scenario.claim_mix import ClaimMix
from loadcheck.scenario.document import Document, Loc
from loadcheck.scenario.expect import Expect
from loadcheck.scenario.fault_checks import check_faults
from loadcheck.scenario.files import check_private_key, check_sql_files
from loadcheck.scenario.names import Known, Names, in_sql, variables_of
from loadcheck.scenario.parts import Part, Parts
from loadcheck.scenario.phase import Phase
from loadcheck.scenario.placeholders import value_names
from loadcheck.scenario.plans import check_plans
from loadcheck.scenario.problems import Hint, Problems, did_you_mean
from loadcheck.scenario.programs import check_programs
from loadcheck.scenario.redaction import HIDDEN
from loadcheck.scenario.request import Request
from loadcheck.scenario.secret import SecretError, secret_bytes
from loadcheck.scenario.settings import check_settings
from loadcheck.scenario.statements import inspect
from loadcheck.scenario.target import Jwt
from loadcheck.scenario.writing import check_writing

_STATUSES: Final = range(100, 600)
_NO_BODY: Final = frozenset({"GET", "HEAD"})
_HEADER: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_JSON: Final = re.compile(r"json|\*|\{", re.IGNORECASE)
_UNSENDABLE: Final = re.compile(r"[\r\n\0]")


def check(parts: Parts, document: Document, folder: Path, problems: Problems) -> None:
    """Look for everything that is wrong in what could be read.

    Args:
        parts: The scenario.
        document: Knows the places.
        folder: What files are relative to.
        problems: Where mistakes are kept.
    """
    checks = _Checks(parts, document, problems, Names(parts))
    checks.identities()
    checks.requests()
    checks.load()
    check_writing(parts, checks.names, document, problems)
    check_faults(parts, document, problems)
    check_programs(parts.stack.model, document, problems)
    check_settings(parts.stack.model, document, problems)
    check_sql_files(parts.stack.model.sql, document, folder, problems)
    check_private_key(parts.target.model.jwt, document, folder, problems)
    _check_secret(parts.target.model.jwt, document, problems)


def _check_secret(jwt: Jwt, document: Document, problems: Problems) -> None:
    if not jwt.algorithm.symmetric or HIDDEN in {jwt.secret.get_secret_value(), jwt.secret_base64.get_secret_value()}:
        return  # a run folder's scenario is run again with --jwt-secret
    try:
        secret_bytes(jwt)
    except SecretError as error:
        problems.add(document.place(("target", "jwt", error.key)), f"`{error.key}` {error.message}", error.hint)


@dataclass(frozen=True, slots=True)
class _Checks:
    parts: Parts
    document: Document
    problems: Problems
    names: Names

    def identities(self) -> None:
        """Check every claim mix."""
        self._duplicates(self.parts.identities, "identity")
        for part in self.parts.identities:
            mix = part.model
            known = variables_of(part)
            self._placeholders((*part.loc, "claims"), mix.claims, known, "claims know `n`, or the columns of `from`")
            if mix.from_ is not None:
                self._sql((*part.loc, "from"), mix.from_, frozenset())
            if mix.expect is not None:
                self._expect((*part.loc, "expect"), mix.expect, self.names.of_expect(part))
        self._weights(self.parts.identities, "identities")

    def requests(self) -> None:
        """Check every request."""
        self._duplicates(self.parts.requests, "request")
        for part in self.parts.requests:
            self._request(part)
            self._applies(part)
        self._weights(self.parts.requests, "requests")
        self._idle()

    def load(self) -> None:
        """Check the phases."""
        self._duplicates(self.parts.load, "phase")
        if self.parts.whole and not any(part.model.measure for part in self.parts.load):
            self._add(("load",), "no phase is measured, so a run would show nothing", "leave one `measure: false` out")
        check_plans(self.parts, self.document, self.problems)

    def _request(self, part: Part[Request]) -> None:
        request, loc, known = part.model, part.loc, self.names.of_request(part)
        method = request.method.lower()
        self._placeholders((*loc, method), request.path, known)
        if not request.path.startswith("/"):
            self._add((*loc, method), "the path must start with a slash", f"/{request.path}")
        if _UNSENDABLE.search(request.path):
            self._add((*loc, method), "a path cannot hold a line break", "put it into one line")
        for name, value in request.headers.items():
            self._header((*loc, "headers", name), name, value)
            self._placeholders((*loc, "headers", name), value, known)
        self._placeholders((*loc, "body"), request.body, known)
        self._format((*loc, "headers"), request)
        if request.body is not None and request.method in _NO_BODY:
            self._add((*loc, "body"), f"{request.method} has no body", "leave it out, or is it a post?")
        if request.method == "HEAD":
            self._no_body_expected((*loc, "expect"), request.expect)
        self._expect((*loc, "expect"), request.expect, known)

    def _header(self, loc: Loc, name: str, value: str) -> None:
        if not _HEADER.fullmatch(name):
            self.problems.add(self.document.key_place(loc), f"`{name}` cannot be the name of a header")
        if _UNSENDABLE.search(value):
            self._add(loc, "a header cannot hold a line break", "put it into one line")

    def _format(self, loc: Loc, request: Request) -> None:
        """Only JSON can be held against rows."""
        wanted = request.header("accept")
        compared = {"rows", "rows_as_identity", "written", "json_"} & request.expect.model_fields_set
        if compared and wanted and not _JSON.search(wanted):
            name = next(name for name in request.headers if name.lower() == "accept")
            hint = "leave Accept out, or expect `status` and `headers` only"
            self._add((*loc, name), f"{wanted} cannot be held against `{min(compared).rstrip('_')}`, JSON can", hint)

    def _no_body_expected(self, loc: Loc, expect: Expect) -> None:
        for key in {"rows", "rows_as_identity", "json"} & {name.rstrip("_") for name in expect.model_fields_set}:
            hint = "expect `count`, `status` or `headers`, or send a get"
            self.problems.add(self.document.key_place((*loc, key)), f"`{key}`: the answer to HEAD has no body", hint)

    def _expect(self, loc: Loc, expect: Expect, known: Known) -> None:
        for key, sql in _sql_of(expect):
            self._sql((*loc, key), sql, in_sql(known))
        if isinstance(expect.rows, list):
            self._placeholders((*loc, "rows"), expect.rows, known)
        self._placeholders((*loc, "headers"), expect.headers, known)
        self._placeholders((*loc, "json"), expect.json_, known)
        for status in expect.statuses:
            if status not in _STATUSES:
                self._add((*loc, "status"), f"{status} is not an HTTP status", "they are 100 to 599")

    def _sql(self, loc: Loc, sql: str, known: Known) -> None:
        found = inspect(sql)
        if found.mistake:
            self.problems.add(self.document.place(loc, found.offset), found.mistake, found.hint)
        if found.bound is None or known is None:
            return
        for name, offset in found.bound.offsets():
            if name not in known:
                self._undefined(loc, f":{name}", name, known, offset)

    def _placeholders(self, loc: Loc, template: Any, known: Known, hint: str = "") -> None:
        if known is None:
            return
        if isinstance(template, dict | list):
            items = template.items() if isinstance(template, dict) else enumerate(template)
            for key, inner in items:
                self._placeholders((*loc, key), inner, known, hint)
            return
        for name in sorted(value_names(template) - known):
            self._undefined(loc, f"{{{name}}}", name, known, template.find(f"{{{name}}}"), hint)

    def _undefined(self, loc: Loc, written: str, name: str, known: frozenset[str], offset: int, hint: str = "") -> None:
        self.problems.add(
            self.document.place(loc, offset),
            f"{written} is neither a claim nor a variable here",
            lambda: did_you_mean(name, sorted(known)) or hint or "nothing is known by name here",
        )

    def _applies(self, part: Part[Request]) -> None:
        known = set(self.parts.names)
        for at, name in enumerate(part.model.as_):
            if name not in known:
                hint = lambda name=name: did_you_mean(name, self.parts.names)  # noqa: E731 -- asked for only if shown
                self._add((*part.loc, "as", at), f"no identity is called `{name}`", hint)
        if not self.parts.whole or not part.model.weight or not known.issuperset(part.model.as_):
            return
        senders = [mix.model for mix in self.parts.identities if not part.model.as_ or mix.model.name in part.model.as_]
        if not any(mix.weight for mix in senders) and any(mix.model.weight for mix in self.parts.identities):
            self._add((*part.loc, "as"), "no identity with a weight sends this request", "give one a weight above 0")

    def _idle(self) -> None:
        """Find identities that have nothing to send."""
        senders = [part.model.as_ for part in self.parts.requests]
        if not self.parts.whole or not all(names and {*self.parts.names}.issuperset(names) for names in senders):
            return
        busy = {name for part in self.parts.requests if part.model.weight for name in part.model.as_}
        for part in self.parts.identities:
            if part.model.weight and part.model.name not in busy:
                hint = "name it in the `as` of a request, or give it the weight 0"
                self._add((*part.loc, "name"), f"no request is sent by `{part.model.name}`", hint)

    def _duplicates(self, parts: Sequence[Part[ClaimMix] | Part[Request] | Part[Phase]], what: str) -> None:
        first: dict[str, int] = {}
        for part in parts:
            loc, name = (*part.loc, "name"), part.model.name
            if name in first:
                hint = f"the first is in line {first[name]}: a name tells them apart"
                self._add(loc, f"a second {what} called `{name}`", hint)
            first.setdefault(name, self.document.place(loc).line)

    def _weights(self, parts: Sequence[Part[ClaimMix] | Part[Request]], key: str) -> None:
        if self.parts.whole and not any(part.model.weight for part in parts):
            self._add((key,), "all weights are 0, so nothing would be sent", "give one a weight above 0")

    def _add(self, loc: Loc, message: str, hint: Hint = "") -> None:
        self.problems.add(self.document.place(loc), message, hint)


def _sql_of(expect: Expect) -> Iterable[tuple[str, str]]:
    """Yield the statements of an expectation, each with its key."""
    for key in ("rows", "rows_as_identity", "count"):
        value = getattr(expect, key)
        if isinstance(value, str):
            yield key, value
