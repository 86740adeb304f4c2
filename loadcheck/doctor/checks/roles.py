"""The roles that requests run as: are there any, and does row security bind them?"""

from collections.abc import Iterator

from loadcheck.doctor.catalogue import Catalogue
from loadcheck.doctor.line import About, Line, ok, unusable, warning, wrong


def exist(catalogue: Catalogue) -> Iterator[Line]:
    """Tell of roles that identities ask for and the database does not have."""
    for name in sorted(set(catalogue.asked) - {role.name for role in catalogue.roles}):
        yield unusable(About.ROLE, f"there is no role {name}", f"Change the claims' role, or: CREATE ROLE {name};")


def bound(catalogue: Catalogue) -> Iterator[Line]:
    """Tell of roles that no policy binds."""
    for role in catalogue.roles:
        if role.superuser:
            yield wrong(
                About.ROLE,
                f"{role.name} is a superuser: no policy binds it",
                f"ALTER ROLE {role.name} NOSUPERUSER NOBYPASSRLS;",
            )
        elif role.bypass:
            yield wrong(
                About.ROLE, f"{role.name} has BYPASSRLS: no policy binds it", f"ALTER ROLE {role.name} NOBYPASSRLS;"
            )
        else:
            yield ok(About.ROLE, f"{role.name} is neither a superuser nor has it BYPASSRLS")


def granted(catalogue: Catalogue) -> Iterator[Line]:
    """Tell what the roles may do."""
    if not catalogue.roles:
        return
    names = " and ".join(role.name for role in catalogue.roles)
    grants = [f"{one.name} ({', '.join(one.granted)})" for one in catalogue.reachable]
    if grants:
        yield ok(About.ROLE, f"{names} may use {', '.join(grants)}")
    else:
        yield warning(
            About.ROLE,
            f"{names} may use no table of the schemas that PostgREST serves",
            f"GRANT USAGE ON SCHEMA … TO {catalogue.roles[0].name}; GRANT SELECT ON … TO {catalogue.roles[0].name};",
        )
