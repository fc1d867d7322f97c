"""Tests of whether stated reasoning drives the answer (Lanham et al. 2023, arXiv 2307.13702)."""
