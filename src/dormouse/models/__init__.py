"""Causal LMs: checks, loading, sampling and scoring."""
