"""What a run told in the end: summary.json and findings.json, read back."""

from functools import cache
from pathlib import Path
from typing import Any, Final, cast

import orjson
from pydantic import TypeAdapter, ValidationError

from loadcheck.errors import UsageProblem
from loadcheck.record.stored import StoredFinding, Summary

NAME_A_RUN: Final = "Name a folder that `loadcheck run` has made, such as reports/pets-…."


def read_summary(folder: Path) -> Summary | None:
    """Return the summary of a run; None where it never came to its end.

    Raises:
        UsageProblem: it cannot be read, or another version of loadcheck wrote it.
    """
    return cast("Summary | None", _read(folder / "summary.json", Summary))


def read_findings(folder: Path) -> list[StoredFinding] | None:
    """Return the findings of a run; None where it never came to its end.

    Raises:
        UsageProblem: they cannot be read, or another version of loadcheck wrote them.
    """
    return cast("list[StoredFinding] | None", _read(folder / "findings.json", list[StoredFinding]))


def _read(path: Path, kind: object) -> Any:
    try:
        told = orjson.loads(path.read_bytes())
        _adapter(kind).validate_python(told)
    except FileNotFoundError:
        return None
    except NotADirectoryError:
        raise UsageProblem(f"{path.parent} is not a folder, so it holds no run", NAME_A_RUN) from None
    except (OSError, orjson.JSONDecodeError) as error:
        raise UsageProblem(f"{path} cannot be read: {error}") from None
    except ValidationError as error:
        raise UsageProblem(
            f"{path} is not what this version of loadcheck writes: {first_mistake(error)}",
            "Run the scenario again, or use the loadcheck that has made this folder.",
        ) from None
    return told


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def first_mistake(error: ValidationError) -> str:
    """Return where something is not as it should be, and how; without what stands there, which may be secret."""
    mistake = error.errors(include_input=False, include_url=False)[0]
    return f"{'.'.join(map(str, mistake['loc']))}: {mistake['msg']}"
