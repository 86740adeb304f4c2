"""Errands of workers: what one of them cannot do for itself, the run's own process does when it is asked."""

import asyncio
from contextlib import suppress
from typing import Final

from loadcheck.run.faults.cold import ColdBackends
from loadcheck.run.faults.recovery import Recovery
from loadcheck.run.judging.suspicion import Told, last_of
from loadcheck.run.workers.hands import Hand, Hands
from loadcheck.run.workers.messages import Cool, Question, Recovered, Reply

# A worker that is only busy answers sooner. Disputes have a minute after the load, into which a wait must fit.
_ANSWERING_S: Final = 10.0


class Errands:
    """Does what workers ask for, one thing after another.

    Args:
        hands: The workers.
        recovery: Takes their word for it that the target has recovered.
        cold: Makes backends anew.
    """

    def __init__(self, hands: Hands, recovery: Recovery, cold: ColdBackends) -> None:
        self._hands = hands
        self._recovery = recovery
        self._cold = cold
        self._questions = 0

    async def run(self) -> None:
        """Do what is asked for until cancelled."""
        while True:
            news = await self._hands.news.get()
            match news:
                case Recovered(fault=fault, nth=nth, took=took):
                    self._recovery.heard(fault, nth, took)
                case Cool():
                    self._cold.want()
                case Question():
                    await self._ask_around(news)

    async def _ask_around(self, question: Question) -> None:
        """Ask all other workers, and tell the one that has asked what they answer together, as far as they do."""
        self._questions += 1
        number, asking = self._questions, self._hands.hands[question.worker - 1]
        others = [hand for hand in self._hands.hands if hand is not asking]
        for hand in others:
            if hand.answers and not hand.over:  # one that hangs is waited for once
                hand.ask(number, question.rows)
        with suppress(TimeoutError):
            async with asyncio.timeout(_ANSWERING_S):
                await self._hands.until(lambda hand: hand.answers or hand.asked != number)
        told = [hand.suspects for hand in others if hand.answered == number]
        doubt = ", ".join(_silence(hand) for hand in others if hand.answered != number)
        asking.line.send(Reply(question.number, Told(last_of([[None] * len(question.rows), *told]), doubt)))


def _silence(hand: Hand) -> str:
    """Tell why a worker has not answered."""
    return f"worker {hand.number} {hand.lost or f'did not answer within {_ANSWERING_S:g} s'}"
