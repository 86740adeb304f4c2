"""`loadcheck report`: the end report of a stored run, again or as a picture."""

from pathlib import Path
from typing import Any

import click
import orjson

from loadcheck.errors import ExitCode, UsageProblem
from loadcheck.report.end import print_report, report_svg
from loadcheck.report.terminal import open_console


@click.command("report")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--svg", type=click.Path(path_type=Path), help="Write the report as a picture instead.")
def command(run: Path, svg: Path | None) -> ExitCode:
    """Print the report of the run in the folder RUN."""
    summary, findings = _read(run / "summary.json"), _read(run / "findings.json")
    if svg is None:
        print_report(open_console(), summary, findings, run)
    else:
        _write(svg, report_svg(summary, findings, run, f"loadcheck report {run}"))
    return ExitCode.PASS


def _read(path: Path) -> Any:
    try:
        return orjson.loads(path.read_bytes())
    except FileNotFoundError:
        raise UsageProblem(
            f"{path}: no such file, so {path.parent} holds no complete run",
            "Name a folder that `loadcheck run` has made, such as reports/pets-….",
        ) from None
    except (OSError, orjson.JSONDecodeError) as error:
        raise UsageProblem(f"{path} cannot be read: {error}") from None


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageProblem(f"{path} cannot be written: {error.strerror}") from None
