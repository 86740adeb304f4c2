"""Which transport a target is reached by."""

from loadcheck.clock import Clock
from loadcheck.engine.aiohttp_transport import AiohttpTransport
from loadcheck.engine.transport import Transport
from loadcheck.engine.wire import WireTransport
from loadcheck.scenario.target import Target


def transport_to(target: Target, clock: Clock) -> Transport:
    """Return the transport that the target asks for; only aiohttp goes through a proxy."""
    if target.transport == "aiohttp" or target.proxy:
        return AiohttpTransport(target.timeout, target.max_answer, clock, target.proxy or None)
    return WireTransport(target.timeout, target.max_answer, clock)
