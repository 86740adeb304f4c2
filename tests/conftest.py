"""What tests of several folders share."""

from collections.abc import AsyncIterator

import pytest
from hypothesis import settings

from loadcheck.stack.stack import EmbeddedStack, embedded
from tests.pets import FOLDER, pets

pytest_plugins = ("pytester",)


@pytest.fixture(scope="session")
async def pets_stack() -> AsyncIterator[EmbeddedStack]:
    """One embedded stack for all tests that only read from it; its data are those of pets.sql."""
    async with embedded(pets(), FOLDER) as stack:
        yield stack


# A slow machine is no failure: how long an example takes depends on what else runs there.
settings.register_profile("loadcheck", deadline=None)
settings.load_profile("loadcheck")
