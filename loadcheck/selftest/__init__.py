"""Proving that the detectors see: leaks planted on purpose, and what each of them must show."""
