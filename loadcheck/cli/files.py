"""The options that write a run's report in other formats, for `run` and `report` alike."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import Any, Final

import click

from loadcheck.cli.writing import Text, refuse_unwritable, write_files
from loadcheck.errors import ExitCode, UsageProblem
from loadcheck.record.stored_run import StoredRun
from loadcheck.report.end import svg
from loadcheck.report.formats.github import annotations
from loadcheck.report.formats.html import html, require_html
from loadcheck.report.formats.junit import junit
from loadcheck.report.formats.markdown import markdown
from loadcheck.report.formats.sarif import sarif
from loadcheck.report.formats.series_csv import series_csv

_FORMATS: Final[dict[str, tuple[Callable[[StoredRun], str], str]]] = {
    "html": (html, "One HTML file with charts, that loads nothing from elsewhere."),
    "junit": (junit, "JUnit XML: a test case for each request and kind of identity."),
    "sarif": (sarif, "SARIF 2.1.0, for code scanning."),
    "markdown": (markdown, "Markdown, for the comment of a pull request."),
    "csv": (series_csv, "What happened in each second."),
    "svg": (svg, "The gist of the report as a picture."),
}
_SUMMARY: Final = "GITHUB_STEP_SUMMARY"


@dataclass(frozen=True, slots=True)
class Files:
    """What to write of a run beside its folder.

    Attributes:
        paths: The file for each format that was asked for.
        github: Whether to print annotations, and to append to the summary of the GitHub job.
    """

    paths: Mapping[str, Path] = field(default_factory=dict)
    github: bool = False

    def __bool__(self) -> bool:
        return bool(self.paths) or self.github

    def write(self, run: StoredRun, judged: ExitCode = ExitCode.PASS) -> None:
        """Write every file that can be written.

        Raises:
            ReportNotWritten: one could not be; it exits as `judged`, unless that was a pass.
        """
        texts = [Text(path, _FORMATS[name][0](run)) for name, path in self.paths.items()]
        if self.github:
            click.echo(annotations(run), nl=False)
            if summary := os.environ.get(_SUMMARY):
                texts.append(Text(Path(summary), markdown(run), "a"))
        write_files(texts, judged)


def with_files(command: Callable[..., ExitCode]) -> Callable[..., ExitCode]:
    """Give a command the options; it gets them as one argument, `files`, that can be written as far as can be seen."""

    @wraps(command)
    def gathered(*, github: bool, **others: Any) -> ExitCode:
        paths = {name: path for name in _FORMATS if (path := others.pop(name)) is not None}
        if "html" in paths:
            require_html()
        _refuse_one_for_two(paths)
        refuse_unwritable(paths.values(), to_come=others.get("out"))
        return command(files=Files(paths, github), **others)

    github = "Print GitHub annotations, and append to the job's summary."
    options = [click.option("--github", is_flag=True, help=github)]
    for name, (_, what) in reversed(_FORMATS.items()):
        options.append(click.option(f"--{name}", type=click.Path(path_type=Path), metavar="FILE", help=what))
    for option in options:
        gathered = option(gathered)
    return gathered


def _refuse_one_for_two(paths: Mapping[str, Path]) -> None:
    first: dict[Path, str] = {}
    for name, path in paths.items():
        if (other := first.setdefault(path, name)) != name:
            raise UsageProblem(f"--{other} and --{name} both name {path}", "Give each a file of its own.")
