"""Ways around row security that PostgREST serves: what reads with its owner's rights, or is a copy."""

from collections.abc import Iterator

from loadcheck.doctor.catalogue import Catalogue
from loadcheck.doctor.line import About, Line, warning


def views(catalogue: Catalogue) -> Iterator[Line]:
    """Tell of views that read tables past their policies."""
    for view in catalogue.reachable:
        tables = [] if view.kind != "v" or view.invoker else catalogue.unbound(view)
        if tables:
            yield warning(
                About.ROW_SECURITY,
                f"view {view.name} reads {', '.join(tables)} as its owner {view.owner}, whom no policy binds",
                f"ALTER VIEW {view.name} SET (security_invoker = true);",
            )


def materialized_views(catalogue: Catalogue) -> Iterator[Line]:
    """Tell of copies of protected tables."""
    for view in catalogue.reachable:
        tables = catalogue.unbound(view) if view.kind == "m" else []
        if tables:
            yield warning(
                About.ROW_SECURITY,
                f"materialized view {view.name} is a copy of {', '.join(tables)}, and no policy applies to it",
                f"REVOKE ALL ON {view.name} FROM the API's roles; or make it a view WITH (security_invoker = true).",
            )


def definers(catalogue: Catalogue) -> Iterator[Line]:
    """Tell of functions that anybody may call and that run with their owner's rights."""
    for function in catalogue.functions:
        if function.exposed and function.definer:
            yield warning(
                About.ROW_SECURITY,
                f"function {function.name} is SECURITY DEFINER: what it reads, it reads as {function.owner}",
                f"ALTER FUNCTION {function.name} SECURITY INVOKER; or: REVOKE EXECUTE ON FUNCTION {function.name} "
                "FROM PUBLIC; (and from the API's roles)",
            )
