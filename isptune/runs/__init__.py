"""The run directory: written, read back, resumed."""
