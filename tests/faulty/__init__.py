"""Programs with a fault that the gallery of leaks needs; with a fault rate of 0 each works correctly."""
