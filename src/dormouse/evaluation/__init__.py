"""Measures models: prompts, replies, scores, and numbers with intervals."""
