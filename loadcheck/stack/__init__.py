"""The embedded PostgreSQL, pooler and PostgREST."""
