"""Measured numbers: rates with intervals, rows, the table of a run, AUROC."""
