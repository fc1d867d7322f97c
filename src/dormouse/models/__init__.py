"""Models: growing, opening, sampling and scoring causal LMs."""
