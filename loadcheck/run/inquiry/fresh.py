"""Fresh backends, for answers that nobody before can have had a part in."""

from dataclasses import dataclass

from loadcheck.run.faults.powers import Freshen, StartOver


@dataclass(slots=True)
class Fresh:
    """Makes what is asked next find fresh backends.

    Attributes:
        freshen: Ends every backend, which takes a moment.
        start_over: Starts PostgREST over as well, which takes a second or more; None where that cannot be done.
        thorough: Whether it must be started over each time: PgBouncer keeps what a client has last set of some
            settings, such as the time zone, and gives it to every backend, so that fresh ones do not help.
            https://www.pgbouncer.org/config.html#track_extra_parameters
    """

    freshen: Freshen
    start_over: StartOver | None = None
    thorough: bool = False

    async def begin(self) -> None:
        """Give what comes next fresh backends."""
        if self.thorough and self.start_over is not None:
            await self.start_over()
        else:
            await self.freshen()
