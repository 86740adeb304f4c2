"""A first scenario, drafted from a target's OpenAPI description and its database's policies."""
