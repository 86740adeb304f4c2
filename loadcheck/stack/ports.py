"""Free ports on loopback, and what to do when somebody else takes one first."""

import random
import socket
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from typing import Final, TypeVar

from loadcheck.errors import EnvironmentProblem

LOOPBACK: Final = "127.0.0.1"

_LOWEST: Final = 20000
_HIGHEST: Final = 32000  # above it, kernels take ports for outgoing connections, which a load test has many of
_TRIES: Final = 2000
_ATTEMPTS: Final = 3

_T = TypeVar("_T")


class PortTaken(EnvironmentProblem):
    """A program found its port in use by another."""


def free_ports(count: int) -> tuple[int, ...]:
    """Return different ports that nobody listens on just now.

    Raises:
        EnvironmentProblem: there are none to be found.
    """
    # Not from the run's seed: two runs with one seed may start side by side.
    candidates = random.SystemRandom().sample(range(_LOWEST, _HIGHEST), _TRIES)
    ports: list[int] = []
    with ExitStack() as held:
        for port in candidates:
            if len(ports) < count and _bound(held, port):
                ports.append(port)
    if len(ports) < count:
        raise EnvironmentProblem(f"no free port between {_LOWEST} and {_HIGHEST} on {LOOPBACK}")
    return tuple(ports)


async def on_free_ports(count: int, attempt: Callable[[tuple[int, ...]], Awaitable[_T]]) -> _T:
    """Start something on free ports, on others again when somebody was faster.

    Raises:
        PortTaken: somebody was faster every time, as when a setting fixes the port.
    """
    for _ in range(_ATTEMPTS - 1):
        try:
            return await attempt(free_ports(count))
        except PortTaken:
            continue
    return await attempt(free_ports(count))


def _bound(held: ExitStack, port: int) -> bool:
    listener = held.enter_context(socket.socket())
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((LOOPBACK, port))
    except OSError:
        return False
    return True
