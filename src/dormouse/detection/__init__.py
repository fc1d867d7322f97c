"""Detectors that look for a backdoor without knowing its trigger, and the controls reported beside their scores."""
