"""What tests of several folders share."""

from collections.abc import AsyncIterator

import pytest

from loadcheck.stack.stack import EmbeddedStack, embedded
from tests.pets import FOLDER, pets


@pytest.fixture(scope="session")
async def pets_stack() -> AsyncIterator[EmbeddedStack]:
    """One embedded stack for all tests that only read from it; its data are those of pets.sql."""
    async with embedded(pets(), FOLDER) as stack:
        yield stack
