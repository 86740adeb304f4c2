"""The scenario file: its format, its reading, and every mistake in it found at once."""
