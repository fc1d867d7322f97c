"""Measuring models: what is asked, what is counted, and with which interval."""
