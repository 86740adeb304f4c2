"""A run: the whole flow put together, from a scenario to an outcome."""
