"""The run folder: history, statistics, findings, summary."""
