"""Numbers as people read them."""

from typing import Final

NOTHING: Final = "-"
_LATENCIES: Final = {"p50", "p90", "p95", "p99", "p999", "max", "recovery"}
_TEN: Final = 10
_MINUTE: Final = 60
_SECOND_MS: Final = 1000


def amount(value: float | None) -> str:
    """Return a count: `12,345`."""
    return NOTHING if value is None else f"{value:,.0f}"


def milliseconds(value: float | None) -> str:
    """Return a duration given in milliseconds, to three digits: `0.42 ms`, `12.3 ms`, `1.25 s`."""
    if value is None:
        return NOTHING
    if round(value, 1) >= _SECOND_MS:
        return seconds(value / _SECOND_MS)
    return f"{value:.{1 if value >= _TEN else 2}f} ms"


def seconds(value: float) -> str:
    """Return a duration given in seconds: `3.2 s`, `14 s`, `2 min 05 s`."""
    if round(value) >= _MINUTE:
        minutes, rest = divmod(round(value), _MINUTE)
        return f"{minutes} min {rest:02} s"
    return _short(f"{value:.{2 if value < _TEN else 1}f}") + " s"


def rate(value: float | None) -> str:
    """Return a rate given in events a second: `412.5/s`, `400/s`, `0.25/s`."""
    return NOTHING if value is None else f"{_short(f'{value:,.{1 if value >= _TEN else 2}f}')}/s"


def share(value: float | None) -> str:
    """Return a part of the whole: `0.1 %`."""
    return NOTHING if value is None else f"{value * 100:.3g} %"


def threshold(name: str, value: float | None) -> str:
    """Return the value of a threshold in its own unit."""
    if name in _LATENCIES and value is not None:
        number, unit = milliseconds(value * _SECOND_MS).split(" ", 1)
        return f"{_short(number)} {unit}"
    if name == "error_rate":
        return share(value)
    return rate(value) if name == "throughput" else amount(value)


def threshold_name(name: str, window: float | None) -> str:
    """Return what a threshold is on: `p99`, or `p99 in any 1 min 00 s`."""
    return name if window is None else f"{name} in any {seconds(window)}"


def threshold_measured(name: str, value: float | None, at: float | None) -> str:
    """Return what was measured of a threshold, and where it must hold in windows when the worst of them ended."""
    return threshold(name, value) if at is None else f"{threshold(name, value)} at {seconds(at)}"


def threshold_limit(name: str, value: float) -> str:
    """Return a limit, and on which side of it a run must stay: `at most 250 ms`."""
    return f"{'at most' if _is_upper_limit(name) else 'at least'} {threshold(name, value)}"


def _short(number: str) -> str:
    """Leave out decimals that say nothing."""
    return number.rstrip("0").rstrip(".") if "." in number else number


def _is_upper_limit(name: str) -> bool:
    """Whether a threshold must not be exceeded, rather than reached."""
    return name in _LATENCIES or name == "error_rate"


def times(count: int) -> str:
    """Return how often: `once`, `twice`, `12 times`."""
    return {1: "once", 2: "twice"}.get(count, f"{count:,} times")


def plural(count: int, one: str, many: str = "") -> str:
    """Return a count with its noun: `1 victim`, `3 victims`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
