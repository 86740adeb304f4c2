"""The last two minutes of a run as small curves of text."""

from collections import deque
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Final

from loadcheck.record.generator import Generator
from loadcheck.record.sampler import Sampler
from loadcheck.record.span import Span
from loadcheck.record.tally import Tally

_KEPT: Final = 120
_EVERY_S: Final = 1.0
_BARS: Final = "▁▂▃▄▅▆▇█"


class Pulse:
    """Rate and p99 of each of the last seconds, sampled as the view is drawn.

    Attributes:
        rates: Exchanges a second.
        p99s: In milliseconds; None for a second without an answer.
    """

    def __init__(self, tally: Tally) -> None:
        self.rates: deque[float | None] = deque(maxlen=_KEPT)
        self.p99s: deque[float | None] = deque(maxlen=_KEPT)
        self._sampler = Sampler(tally, partial(Span, ()), Generator())
        self._at: float | None = None

    def look(self, now: float) -> None:
        """Take a sample if a second has passed since the last; what was before the first look is left out."""
        if self._at is not None and now - self._at < _EVERY_S:
            return
        sample = self._sampler.sample(now, 0)
        if self._at is not None:
            self.rates.append(sample["sent"] / sample["seconds"])
            self.p99s.append(sample["latency_ms"]["p99"])
        self._at = now


def sparkline(values: Iterable[float | None], width: int) -> str:
    """Return the last `width` values as a curve from 0 to the greatest of them; a gap where there is none."""
    shown: Sequence[float | None] = list(values)[-width:] if width > 0 else []
    most = max((value for value in shown if value is not None), default=0.0)
    return "".join(" " if value is None else _bar(value, most) for value in shown)


def _bar(value: float, most: float) -> str:
    return _BARS[round(value / most * (len(_BARS) - 1))] if most else _BARS[0]
