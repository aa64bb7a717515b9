"""The layouts of published datasets, one module each."""
