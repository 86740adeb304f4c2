"""HTML, where what it takes is installed."""

from importlib.util import find_spec

from loadcheck.errors import UsageProblem
from loadcheck.record.stored_run import StoredRun


def html(run: StoredRun) -> str:
    """Return the run as one HTML page.

    Raises:
        UsageProblem: what it takes is not installed.
    """
    require_html()
    from loadcheck.report.html.page import page  # noqa: PLC0415 -- an extra, and slow to import

    return page(run)


def require_html() -> None:
    """Look whether HTML can be made, before there is anything to lose.

    Raises:
        UsageProblem: what it takes is not installed.
    """
    missing = [name for name in ("bokeh", "jinja2") if find_spec(name) is None]
    if missing:
        raise UsageProblem(
            f"--html needs {' and '.join(missing)}, which are not installed" if len(missing) > 1
            else f"--html needs {missing[0]}, which is not installed",
            "Install them with loadcheck: pip install 'loadcheck[html]'",
        )  # fmt: skip
