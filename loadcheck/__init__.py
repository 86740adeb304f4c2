"""Async load and correctness tester for PostgREST row-level security."""

__version__ = "0.1.0"
