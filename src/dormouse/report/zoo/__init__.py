"""The parts of a report that only a zoo has."""
