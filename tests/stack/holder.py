"""Holds a stack in a process of its own, which tests end in every way there is: `python -m tests.stack.holder`.

Its first argument holds keys of the scenario's `stack`, as JSON. It prints one line of JSON when the stack is up,
and then reads from stdin how to go on: `raise` an exception, or `leave`.
"""

import asyncio
import json
import signal
import sys

from loadcheck.stack.construction import embedded
from tests.pets import FOLDER, pets


async def main() -> None:
    async with embedded(pets(**json.loads(sys.argv[1])), FOLDER) as stack:
        up = {"pids": stack.pids, "folder": str(stack.folder), "database": stack.database, "url": stack.url}
        sys.stdout.write(json.dumps(up) + "\n")
        sys.stdout.flush()
        order = await asyncio.to_thread(sys.stdin.readline)
        if order.strip() == "raise":
            raise ZeroDivisionError


if __name__ == "__main__":
    # A shell that starts the tests in its background has them ignore SIGINT, and what they start would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    asyncio.run(main())
