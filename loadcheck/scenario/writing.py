"""What is wrong with what a scenario says about its writes."""

from dataclasses import dataclass
from typing import Final

from loadcheck.scenario.document import Document, Loc
from loadcheck.scenario.names import MARK, Names, of_mix, union
from loadcheck.scenario.parts import Part, Parts
from loadcheck.scenario.placeholders import Template, value_names
from loadcheck.scenario.problems import Problems, did_you_mean
from loadcheck.scenario.request import Request
from loadcheck.scenario.writes import Does, Table, Written

# Parameters of a path that choose no rows: https://docs.postgrest.org/en/v12/references/api/tables_views.html
_NO_FILTERS: Final = frozenset({"select", "columns", "on_conflict", ""})
_NEW_ROWS: Final = frozenset({Does.INSERT, Does.UPSERT, Does.IGNORE})


def check_writing(parts: Parts, names: Names, document: Document, problems: Problems) -> None:
    """Check `tables`, and every `writes` and `written`.

    Args:
        parts: The scenario.
        names: What may be named where.
        document: Knows the places.
        problems: Where mistakes are kept.
    """
    checks = _Checks(parts, names, document, problems)
    for table in parts.tables.values():
        checks.table(table)
    for request in parts.requests:
        if request.model.writes is not None:
            checks.writes(request)
        if request.model.expect.written is not None:
            checks.written(request, request.model.expect.written, (*request.loc, "expect", "written"))


@dataclass(frozen=True, slots=True)
class _Checks:
    parts: Parts
    names: Names
    document: Document
    problems: Problems

    def table(self, part: Part[Table]) -> None:
        """Check whose the rows of a table are."""
        known = union(map(of_mix, self.parts.identities))
        for column, template in part.model.owner.items():
            unknown = Template(template).names - known if self.parts.all_identities and known is not None else ()
            for name in unknown:
                self._undefined((*part.loc, "owner", column), name, known or frozenset())

    def writes(self, part: Part[Request]) -> None:
        """Check what one request writes."""
        request, loc = part.model, (*part.loc, "writes")
        if request.writes is None:
            raise ValueError("it writes nothing")
        self.written(part, request.writes, loc)
        if request.safe:
            self._add(loc, f"{request.method} writes nothing", "leave it out, or expect `written`")
        elif request.does is None:
            self._add(loc, "nobody knows what a function does", f"say it: does: {' | '.join(Does)}")
        elif request.does is not Does.DELETE and MARK not in _names(request):
            self._add(loc, "the request does not send its {mark}", "put it into the body, for the table's mark column")
        self._reach(request, loc)

    def written(self, part: Part[Request], written: Written, loc: Loc) -> None:
        """Check which rows are meant."""
        table = self.parts.tables.get(written.table)
        if table is None and (self.parts.whole or self.parts.tables):
            hint = did_you_mean(written.table, self.parts.tables) or "describe it under `tables`"
            self._add((*loc, "table"), f"`{written.table}` is none of the tables", hint)
        if table is not None and written.row and not table.model.key:
            self._add((*loc, "row"), "the table has no `key` to find a row by", f"tables.{written.table}.key")
        known = self.names.of_request(part)
        for name in Template(written.row).names - known if known is not None else ():
            self._undefined((*loc, "row"), name, known or frozenset())

    def _reach(self, request: Request, loc: Loc) -> None:
        """A write reaches one row, or all rows of its identity: what is between cannot be followed."""
        if request.writes is None or request.does is None:
            return
        table = self.parts.tables.get(request.writes.table)
        keyed = table is not None and bool(table.model.key)
        if request.does in _NEW_ROWS and keyed and not request.writes.row:
            self._add(loc, "which row does it write?", "give `row`, the value of the table's key")
        if request.does not in {Does.INSERT, Does.DELETE} and table is not None and not keyed:
            self._add(loc, f"rows without a key cannot be followed through an {request.does}", "give the table a `key`")
        filters = {part.partition("=")[0] for part in request.path.partition("?")[2].split("&")} - _NO_FILTERS
        if request.does not in _NEW_ROWS and filters and not request.writes.row:
            self._add(loc, "the path chooses rows, and nothing says which", "give `row`, the value of the table's key")

    def _undefined(self, loc: Loc, name: str, known: frozenset[str]) -> None:
        self._add(loc, f"{{{name}}} is neither a claim nor a variable here", did_you_mean(name, sorted(known)))

    def _add(self, loc: Loc, message: str, hint: str) -> None:
        self.problems.add(self.document.place(loc), message, hint)


def _names(request: Request) -> frozenset[str]:
    headers = (Template(value).names for value in request.headers.values())
    return Template(request.path).names.union(value_names(request.body), *headers)
