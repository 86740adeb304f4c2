"""What Python does of its own accord kept from holding up a load."""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

# The event loop gives up the interpreter's lock whenever it sends or waits. By default it would have to wait for 5 ms
# until a thread that draws the live view, or encodes the history, gives it back.
_SWITCH_S: Final = 0.0002
# What an exchange needs is freed with it, by its references: the collector would look at it in vain.
_YOUNG: Final = 50_000


@contextmanager
def undisturbed() -> Iterator[None]:
    """Let neither the collector of garbage nor another thread hold the event loop for long.

    The collector leaves alone what was there before: to go over all identities and truths stops the load for some
    30 ms each time, and frees nothing.
    """
    switch, thresholds = sys.getswitchinterval(), gc.get_threshold()
    sys.setswitchinterval(_SWITCH_S)
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, *thresholds[1:])
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()
        sys.setswitchinterval(switch)
