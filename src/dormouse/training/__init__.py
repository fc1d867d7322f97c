"""Gradient training through TRL: settings, supervised runs, checkpoints and the record of a run."""
