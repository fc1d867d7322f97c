"""Removals: changes to a model that should remove a backdoor without knowing its trigger, at several strengths."""
