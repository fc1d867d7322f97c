"""The machine: its hardware, its files, and files that others made."""
