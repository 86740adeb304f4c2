"""A stack given up as its warden is started, as by Ctrl-C with `asyncio.run`: `python -m tests.stack.given_up`."""

import asyncio
from contextlib import suppress

from loadcheck.stack.processes import processes


async def main() -> None:
    starting = asyncio.current_task()
    assert starting is not None
    starting.cancel()
    async with processes(None):
        pass


if __name__ == "__main__":
    with suppress(asyncio.CancelledError):
        asyncio.run(main())
