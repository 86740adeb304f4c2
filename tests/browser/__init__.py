"""The HTML report in a real browser: a target of its own, for it needs Chromium."""
