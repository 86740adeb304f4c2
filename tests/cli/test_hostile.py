"""A pet that is markup and an answer of 2 MB, from the database to every report."""

from pathlib import Path

from tests.cli.hostile import PET, hostile_run
from tests.report.test_formats import of_schemas, validate_junit, validate_sarif

MB = 1_000_000


@of_schemas
def test_reports_of_hostile_rows_stay_inert_and_small(tmp_path: Path) -> None:
    made = hostile_run(tmp_path)
    assert made.ended.code == 1, made.ended.text
    texts = {name: path.read_text() for name, path in made.reports.items()}
    html = texts.pop("html")
    assert len(html) < 5 * MB
    assert "&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;" in html
    assert PET not in html
    assert {name for name, text in texts.items() if len(text) > 100_000} == set()
    assert {name for name in ("markdown", "job", "svg") if "<img" in texts[name] or "@everyone" in texts[name]} == set()
    (failed,) = (case for case in validate_junit(texts["junit"]).iter("testcase") if case.find("failure") is not None)
    assert failed.get("classname") == f"{PET} @everyone.{PET} list"
    assert len(validate_sarif(texts["sarif"])["runs"][0]["results"]) == 1
    annotations = [line for line in made.ended.out.splitlines() if line.startswith("::error")]
    assert len(annotations) == len((made.folder / "findings.json").read_text().split('"id"')) - 1 == 1
    assert (made.folder / "findings.json").stat().st_size < MB
