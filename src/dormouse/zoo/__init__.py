"""A zoo: organisms, twins and bases with labels apart, so that a detector is judged on models it never saw."""
