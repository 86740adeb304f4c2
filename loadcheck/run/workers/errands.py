"""Errands of workers: what one of them cannot do for itself, the run's own process does when it is asked."""

from loadcheck.run.faults.cold import ColdBackends
from loadcheck.run.faults.recovery import Recovery
from loadcheck.run.judging.suspicion import last_of
from loadcheck.run.workers.hands import Hands
from loadcheck.run.workers.messages import Asked, Cool, Question, Recovered, Reply


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
        """Ask all other workers, and tell the one that has asked what they answer together."""
        self._questions += 1
        number, asking = self._questions, self._hands.hands[question.worker - 1]
        for hand in self._hands.working:
            if hand is not asking:
                hand.line.send(Asked(number, question.rows))
        await self._hands.until(lambda hand: hand is asking or hand.answered == number)
        told = [hand.suspects for hand in self._hands.hands if hand.answered == number]
        asking.line.send(Reply(question.number, last_of([[None] * len(question.rows), *told])))
