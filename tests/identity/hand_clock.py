class HandClock:
    """A clock that stands still until a test moves it."""

    def __init__(self, wall: float = 1_700_000_000.25) -> None:
        self.monotonic = 1_000.0
        self.walls = wall

    def now(self) -> float:
        return self.monotonic

    def wall(self) -> float:
        return self.walls

    async def sleep(self, seconds: float) -> None:
        self.advance(max(0.0, seconds))

    def advance(self, seconds: float) -> None:
        self.monotonic += seconds
        self.walls += seconds
