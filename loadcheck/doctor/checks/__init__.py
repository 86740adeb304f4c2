"""What the doctor looks for: one thing a module, each from facts that were read once to lines."""
