"""File formats: rows of data files, and what each published format means."""
