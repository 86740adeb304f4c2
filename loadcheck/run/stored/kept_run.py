"""What a run folder keeps for judging again, beside the exchanges."""

from collections import deque
from dataclasses import dataclass
from pathlib import Path

import yaml
from pydantic import ValidationError

from loadcheck.errors import UsageProblem
from loadcheck.record.folder import RunFolder
from loadcheck.record.stored import StoredFinding, Summary
from loadcheck.record.stored_chunks import StoredChunks
from loadcheck.record.stored_truths import StoredTruths, read_truths
from loadcheck.record.told import NAME_A_RUN, first_mistake, read_findings, read_summary
from loadcheck.scenario.model import Scenario


@dataclass(frozen=True, slots=True)
class KeptRun:
    """One run.

    Attributes:
        folder: The folder.
        scenario: What was run, its secrets taken out.
        truths: What its verdicts rest on.
        summary: What it told in the end; None where it was cut.
        findings: What it found; empty where it was cut.
    """

    folder: RunFolder
    scenario: Scenario
    truths: StoredTruths
    summary: Summary | None
    findings: list[StoredFinding]


def read_kept(path: Path) -> KeptRun:
    """Read a run folder, also that of a run that was killed.

    Raises:
        UsageProblem: it does not hold a run of this version.
    """
    folder = RunFolder(path)
    scenario = _scenario(path / "scenario.yaml")
    summary, findings = read_summary(path), read_findings(path) or []
    return KeptRun(folder, scenario, read_truths(folder.truths), summary, findings)


def is_doubtful(path: Path) -> bool:
    """Whether a folder is that of a run that never came to its end, or one whose history is damaged, cut or gone.

    Raises:
        UsageProblem: one of its files cannot be read.
    """
    return (path / "scenario.yaml").exists() and (not (path / "summary.json").exists() or _is_damaged(path))


def _is_damaged(path: Path) -> bool:
    folder = RunFolder(path)
    if not (folder.history.exists() and folder.truths.exists()):
        return True
    grown = (file for each in (folder, *folder.workers) for file in (each.history, each.truths))
    chunks = [StoredChunks(file) for file in grown if file.exists()]
    for each in chunks:
        deque(each, maxlen=0)
    return any(each.damages or each.cut for each in chunks)


def _scenario(path: Path) -> Scenario:
    try:
        return Scenario.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise UsageProblem(f"{path}: no such file, so {path.parent} holds no run", NAME_A_RUN) from None
    except NotADirectoryError:
        raise UsageProblem(f"{path.parent} is not a folder, so it holds no run", NAME_A_RUN) from None
    except OSError as error:
        raise UsageProblem(f"{path} cannot be read: {error.strerror}") from None
    except (ValidationError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageProblem(f"{path} is not the scenario of a run of this version: {_first(error)}") from None


def _first(error: Exception) -> str:
    return first_mistake(error) if isinstance(error, ValidationError) else str(error).partition("\n")[0]
