"""Judging: pure functions from an exchange and the truth to a verdict."""
