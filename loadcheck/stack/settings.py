"""Settings of programs as the scenario gives them."""

from collections.abc import Mapping

from loadcheck.errors import UsageProblem
from loadcheck.scenario.base import Scalar


def whole_number(settings: Mapping[str, Scalar], name: str, default: int, where: str) -> int:
    """Return a setting that loadcheck itself must understand, such as a port.

    Args:
        settings: The program's settings.
        name: The setting.
        default: What holds when it is not given.
        where: The settings' key in the scenario, for the message.

    Raises:
        UsageProblem: it is not a whole number.
    """
    try:
        return int(settings.get(name, default))
    except ValueError:
        raise UsageProblem(f"{where}: {name} must be a whole number, not {settings[name]!r}") from None
