"""Tables that PostgREST serves: is row security on, and does it bind who asks?"""

from collections.abc import Iterator

from loadcheck.doctor.catalogue import Catalogue, Relation
from loadcheck.doctor.line import About, Line, ok, warning, wrong


def secured(catalogue: Catalogue) -> Iterator[Line]:
    """Tell on which tables row security binds the API's roles, and why not on the others."""
    bound = []
    protected = {one.name for one in catalogue.relations if one.secured}
    for table in catalogue.reachable:
        line = _line(table, protected) if table.is_table else None
        if line is not None:
            yield line
        elif table.is_table:
            bound.append(table.name)
    if bound:
        yield ok(About.ROW_SECURITY, f"enabled, with policies that bind: {', '.join(bound)}")


def _line(table: Relation, protected: set[str]) -> Line | None:
    if not table.secured:
        parents = sorted(protected.intersection(table.parents))
        child = f", though {', '.join(parents)}, which it refers to, has it" if parents else ""
        return warning(
            About.ROW_SECURITY,
            f"table {table.name} has no row security{child}: whoever may use it sees and touches every row",
            f"Unless it is meant for everybody: ALTER TABLE {table.name} ENABLE ROW LEVEL SECURITY; and a policy.",
        )
    if table.owned and not table.forced:
        return wrong(
            About.ROW_SECURITY,
            f"table {table.name} belongs to {table.owner}, which requests run as, and no policy binds an owner",
            f"ALTER TABLE {table.name} OWNER TO another role; or: ALTER TABLE {table.name} FORCE ROW LEVEL SECURITY;",
        )
    if not table.policies:
        return warning(
            About.ROW_SECURITY,
            f"table {table.name} has row security and no policy for the API's roles: they see nothing",
            f"CREATE POLICY … ON {table.name} …; or revoke what was granted.",
        )
    return None
