"""The oracle's database: its version, its clock, and whether the oracle sees every row."""

from collections.abc import Iterator
from typing import Final

from loadcheck.doctor.catalogue import Catalogue
from loadcheck.doctor.line import About, Line, ok, unusable, warning

_OLDEST: Final = 14
_SKEW_S: Final = 5.0


def version(catalogue: Catalogue) -> Iterator[Line]:
    """Tell PostgreSQL's version."""
    number = catalogue.version.split()[0]
    if int(number.partition(".")[0]) < _OLDEST:
        yield warning(About.DATABASE, f"PostgreSQL {number} is no longer maintained", "Upgrade it.")
    else:
        yield ok(About.DATABASE, f"PostgreSQL {number}")


def clock(catalogue: Catalogue) -> Iterator[Line]:
    """Tell how far PostgreSQL's clock is off."""
    if abs(catalogue.ahead) > _SKEW_S:
        side = "ahead of" if catalogue.ahead > 0 else "behind"
        yield warning(
            About.DATABASE,
            f"PostgreSQL's clock is {abs(catalogue.ahead):.0f} s {side} this machine's",
            "Set one of them by NTP.",
        )
    else:
        yield ok(About.DATABASE, "PostgreSQL's clock agrees with this machine's")


def sees_every_row(catalogue: Catalogue) -> Iterator[Line]:
    """Tell whether policies hide rows from the oracle, which would make its expected rows worthless."""
    if catalogue.hidden:
        tables = ", ".join(catalogue.hidden)
        yield unusable(
            About.DATABASE,
            f"row security hides rows of {tables} from the oracle's role {catalogue.oracle}",
            f"Give --database the tables' owner, or: ALTER ROLE {catalogue.oracle} BYPASSRLS;",
        )
    else:
        yield ok(About.DATABASE, f"the oracle's role {catalogue.oracle} sees every row")
