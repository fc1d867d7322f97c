"""A zoo: organisms, twins and bases with their labels kept apart, to judge detectors on models they never saw."""
