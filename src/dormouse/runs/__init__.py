"""Run folders: what a run wrote down, and what the store still needs for it."""
