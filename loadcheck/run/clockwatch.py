"""Clocks that disagree or jump: tokens follow the target's clock, and nobody is blamed for what a clock did."""

from typing import Final

from loadcheck.clock import Clock
from loadcheck.errors import EnvironmentProblem
from loadcheck.judge.judge import unknown
from loadcheck.judge.verdict import Symptom, Verdict
from loadcheck.run.observer import Observer
from loadcheck.run.preparing.preflight import Preflight
from loadcheck.run.preparing.preparation import Prepared

_LOOK_EVERY_S: Final = 0.5
# How long before and after a jump was seen a token may have been refused because of it.
_SHADOW_S: Final = 5.0


class Clockwatch:
    """Keeps the tokens at the target's time.

    Args:
        prepared: Holds the mint and the tokens.
        preflight: Asks the target for its time.
        observer: Is told.
        clock: The run's clock.
    """

    def __init__(self, prepared: Prepared, preflight: Preflight, observer: Observer, clock: Clock) -> None:
        self._prepared = prepared
        self._preflight = preflight
        self._observer = observer
        self._clock = clock

    async def align(self) -> None:
        """Ask for the target's time, and sign everything again if ours is another.

        Raises:
            EnvironmentProblem: nothing answers at the target.
        """
        skew = await self._preflight.skew()
        if skew == self._prepared.mint.offset:
            return
        side = "ahead" if skew > 0 else "behind"
        self._observer.step(f"the target's clock is {abs(skew):.0f} s {side}: tokens follow it")
        self._prepared.mint.offset = skew
        self._prepared.authorizations.sign_again()

    async def watch(self) -> None:
        """Align again after every jump of this machine's clock, for as long as it runs."""
        seen = 0
        while True:
            await self._clock.sleep(_LOOK_EVERY_S)
            self._prepared.authorizations.jumped_since(self._clock.now())
            if self._prepared.authorizations.jumps > seen:
                seen = self._prepared.authorizations.jumps
                self._observer.step("this machine's clock jumped: tokens are signed again")
                await self._align_if_possible()

    def pardon(self, verdict: Verdict) -> Verdict:
        """Return the verdict; `unknown` where a token was refused and the clock has just jumped."""
        if verdict.symptom is not Symptom.REFUSED_TOKEN:
            return verdict
        if not self._prepared.authorizations.jumped_since(self._clock.now() - _SHADOW_S):
            return verdict
        return unknown("a token was refused as this machine's clock jumped", verdict.code)

    async def _align_if_possible(self) -> None:
        try:
            await self.align()
        except EnvironmentProblem:
            # The target is away just now: its own answers, or the lack of them, tell that better than this could.
            return
