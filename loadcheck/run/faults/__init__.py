"""Faults during a run: when they strike, what breaks, what they excuse, and how the target recovers."""
