"""What ends loadcheck early, each with the exit code and the next step that its user needs."""

from enum import IntEnum


class ExitCode(IntEnum):
    """What the process exits with; scripts rely on these numbers."""

    PASS = 0
    FAIL = 1
    INCONCLUSIVE = 2
    THRESHOLD = 3
    USAGE = 4
    ENVIRONMENT = 5
    INTERNAL = 70
    INTERRUPTED = 130
    TERMINATED = 143


class LoadcheckError(Exception):
    """A condition told to the user as a message, never as a traceback.

    Args:
        message: What happened and where, in one line, with nothing secret in it.
        advice: What to do next; may run over several lines.
    """

    exit_code = ExitCode.INTERNAL

    def __init__(self, message: str, advice: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.advice = advice


class UsageProblem(LoadcheckError):
    """The scenario or the command line asks for something that cannot be."""

    exit_code = ExitCode.USAGE


class NothingToCheck(LoadcheckError):
    """There is nobody to ask, or nothing to ask for: a run would prove nothing."""

    exit_code = ExitCode.INCONCLUSIVE


class EnvironmentProblem(LoadcheckError):
    """The target, the database or the embedded stack is not usable."""

    exit_code = ExitCode.ENVIRONMENT


class ReportNotWritten(LoadcheckError):
    """A run was judged, and a file that was asked for could not be written: only a pass gives way to that.

    Args:
        message: Which file, and why.
        judged: What the run exits with.
    """

    def __init__(self, message: str, judged: ExitCode) -> None:
        super().__init__(message)
        self.exit_code = ExitCode.ENVIRONMENT if judged is ExitCode.PASS else judged


class CutShort(LoadcheckError):
    """A run could not go on, and had seen violations by then: they count for more than why it ended."""

    exit_code = ExitCode.FAIL
