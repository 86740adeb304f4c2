"""The embedded stack, with the real programs."""
