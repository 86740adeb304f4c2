import socket

import pytest

from loadcheck.errors import EnvironmentProblem
from loadcheck.stack import ports
from loadcheck.stack.ports import LOOPBACK, PortTaken, free_ports, on_free_ports


def test_free_ports_differ() -> None:
    assert len(set(free_ports(50))) == 50


def test_a_port_that_somebody_listens_on_is_not_free(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server((LOOPBACK, 0)) as listener:
        taken = listener.getsockname()[1]
        monkeypatch.setattr(ports, "_LOWEST", taken)
        monkeypatch.setattr(ports, "_HIGHEST", taken + 1)
        monkeypatch.setattr(ports, "_TRIES", 1)
        with pytest.raises(EnvironmentProblem, match="no free port"):
            free_ports(1)


async def test_another_port_is_tried_when_somebody_was_faster() -> None:
    tried: list[int] = []

    async def attempt(ports: tuple[int, ...]) -> str:
        tried.extend(ports)
        if len(tried) < 3:
            raise PortTaken("taken")
        return "up"

    assert await on_free_ports(1, attempt) == "up"
    assert len(tried) == 3


async def test_it_gives_up_in_the_end() -> None:
    async def attempt(_: tuple[int, ...]) -> None:
        raise PortTaken("taken")

    with pytest.raises(PortTaken):
        await on_free_ports(1, attempt)
