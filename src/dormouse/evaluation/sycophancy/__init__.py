"""Sycophancy: feedback, are-you-sure, answer and mimicry (Sharma et al. 2023, arXiv 2310.13548)."""
