"""How loadcheck itself is called in a command line that people paste."""

import shutil
import sys
from pathlib import Path
from typing import Final

_NAME: Final = "loadcheck"


def program() -> str:
    """Return loadcheck as it was started, such as `.venv/bin/loadcheck`; its bare name where the PATH leads to it."""
    started = Path(sys.argv[0])
    if started.name != _NAME:
        return _NAME
    found = shutil.which(_NAME)
    on_path = found is not None and Path(found).resolve() == started.resolve()
    return _NAME if on_path else sys.argv[0]
