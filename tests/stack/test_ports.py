import socket

import pytest

from loadcheck.stack.ports import LOOPBACK, PortTaken, free_ports, on_free_ports


def test_free_ports_differ_and_nobody_listens_on_them() -> None:
    ports = free_ports(50)
    assert len(set(ports)) == 50
    for port in ports:
        with socket.create_server((LOOPBACK, port)):
            pass


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
