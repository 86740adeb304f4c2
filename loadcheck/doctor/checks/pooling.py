"""The pooler, and PostgREST's prepared statements against it."""

from collections.abc import Iterator, Mapping
from typing import Final

from loadcheck.doctor.line import About, Line, ok, warning, wrong
from loadcheck.doctor.pooler import Mode, Pooler

_SETTING: Final = "db-prepared-statements"
_FIX: Final = (
    "db-prepared-statements = false in PostgREST's configuration; or PgBouncer 1.21 or later with "
    "max_prepared_statements above 0."
)
_OFF: Final = frozenset({"false", "0", "no", "off"})


def mode(pooler: Pooler) -> Iterator[Line]:
    """Tell how backends are shared, and what showed it."""
    name = {Mode.DIRECT: "no pooler"}.get(pooler.mode, f"a pooler in {pooler.mode} mode")
    version = f", PgBouncer {pooler.version}" if pooler.version else ""
    if pooler.mode is Mode.STATEMENT:
        fix = "pool_mode = transaction"
        yield wrong(About.POOLER, f"{name}{version}: {pooler.how}; PostgREST needs transactions", fix)
    else:
        yield ok(About.POOLER, f"{name}{version}: {pooler.how}")


def prepared_statements(pooler: Pooler, settings: Mapping[str, object]) -> Iterator[Line]:
    """Tell whether prepared statements go with the pooler.

    Args:
        pooler: What was found.
        settings: PostgREST's, as far as they are known.
    """
    if not pooler.mode.shares:
        return
    given = settings.get(_SETTING)
    off = given is not None and str(given).lower() in _OFF
    if off:
        yield ok(About.POOLER, f"{_SETTING} is off, as a shared backend needs it")
    elif given is None:
        yield warning(About.POOLER, f"whether {_SETTING} is off, as a shared backend needs it, is not known", _FIX)
    elif settings.get("max_prepared_statements"):
        yield ok(About.POOLER, f"{_SETTING} is on, and the pooler keeps track of prepared statements")
    else:
        yield wrong(
            About.POOLER, f"{_SETTING} is on, and backends are shared: one client's statement meets another", _FIX
        )
