"""Attacks on dormouse: each tries to make it lose something, be silently wrong, hang, or end in a traceback."""
