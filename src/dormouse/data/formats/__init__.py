"""Reads data files: their rows, and the formats in which data is published."""
