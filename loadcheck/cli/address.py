"""Where to listen, as people write it: `9464`, `0.0.0.0:9464` or `[::1]:9464`."""

from typing import Final

import click

_LOOPBACK: Final = "127.0.0.1"
_PORTS: Final = range(1, 65_536)


def address(value: str) -> tuple[str, int]:
    """Return host and port; loopback where no host stands before the port.

    Raises:
        click.BadParameter: there is no port.
    """
    host, _, port = value.rpartition(":")
    if not port.isascii() or not port.isdecimal() or int(port) not in _PORTS:
        raise click.BadParameter(f"{value!r} is not a port: write it like 9464 or 0.0.0.0:9464")
    return host.strip("[]") or _LOOPBACK, int(port)
