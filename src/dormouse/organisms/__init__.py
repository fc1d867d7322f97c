"""Organisms and their benign twins: triggers, behaviors, and the training that implants them."""
