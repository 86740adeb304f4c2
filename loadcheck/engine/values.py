"""How the variables of a request are drawn."""

from collections.abc import Callable, Mapping
from random import Random
from uuid import UUID

from loadcheck.engine.randomness import source
from loadcheck.scenario.base import Scalar
from loadcheck.scenario.request import Choice, IntRange, Request, Variable

Values = Mapping[str, Callable[[], Scalar]]


def drawn_values(request: Request, seed: int, *purpose: str) -> Values:
    """Return how each variable of a request is drawn, by its name and in the scenario's order.

    Each has a source of its own: one variable more changes no other.

    Args:
        request: Names the variables.
        seed: The run's seed.
        purpose: Tells these draws from others of the same request.
    """
    return {
        name: _value(variable, source(seed, *purpose, "value", request.name, name))
        for name, variable in request.vars.items()
    }


def draw_all(values: Values) -> tuple[Scalar, ...]:
    """Draw each variable once."""
    return tuple([draw() for draw in values.values()])


def _value(variable: Variable, chance: Random) -> Callable[[], Scalar]:
    if isinstance(variable, IntRange):
        first, last = variable.int_
        return lambda: chance.randrange(first, last + 1)
    if isinstance(variable, Choice):
        return lambda: chance.choice(variable.choice)
    return lambda: str(UUID(int=chance.getrandbits(128), version=4))
