"""The asyncpg side: what the right answer is."""
