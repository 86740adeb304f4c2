"""The load of one run shared among processes."""
