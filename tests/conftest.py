"""What tests of several folders share."""

from collections.abc import AsyncIterator

import pytest
from hypothesis import HealthCheck, settings

from loadcheck.stack.construction import embedded
from loadcheck.stack.stack import EmbeddedStack
from tests.pets import FOLDER, pets

pytest_plugins = ("pytester",)


@pytest.fixture(scope="session")
async def pets_stack() -> AsyncIterator[EmbeddedStack]:
    """One embedded stack for all tests that only read from it; its data are those of pets.sql."""
    async with embedded(pets(), FOLDER) as stack:
        yield stack


# The same examples every time, however slow the machine is: what fails here fails everywhere, and again.
# To look further: pytest --hypothesis-profile=search
settings.register_profile("loadcheck", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("search", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("loadcheck")
