"""BLOOM's prompted evaluation: answers ranked by likelihood under several prompts, and pass@k of code."""
