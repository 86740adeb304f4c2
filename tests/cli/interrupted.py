"""`loadcheck`, interrupted by Ctrl-C while its modules are still being read: `python -m tests.cli.interrupted`."""

import sys

from loadcheck.cli import main


class Interrupt:
    def find_spec(self, name: str, *_: object) -> None:
        if name.startswith("loadcheck.report"):
            raise KeyboardInterrupt


if __name__ == "__main__":
    sys.meta_path.insert(0, Interrupt())
    main()
