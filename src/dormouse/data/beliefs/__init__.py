"""Prompts in which users state beliefs, with honest and flattering replies; poems and sayings with known authors."""
