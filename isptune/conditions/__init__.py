"""Parameter tables: one setting for each ISO and light, made of ordinary runs."""
