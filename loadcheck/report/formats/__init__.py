"""A stored run in the formats that other tools read: each a function from the run to a text."""
