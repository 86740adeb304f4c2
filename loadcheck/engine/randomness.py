"""The one seeded source of randomness, divided by purpose."""

from random import Random


def source(seed: int, *purpose: int | str) -> Random:
    """Return the randomness of one purpose: the same on every platform, whatever is drawn for others.

    Args:
        seed: The run's seed.
        purpose: What it is for, such as `"value", "list", "id"`.
    """
    return Random(repr((seed, *purpose)))  # noqa: S311 -- it must be repeatable, not secret
