"""Question decomposition (Radhakrishnan et al. 2023): five ways to answer, and whether the reasoning drives the answer.

Read in this order: `requests` (how one text serves every kind of model), `strategies` and `factored` (how a question is
answered), `corruption` and `study` (what is done to the reasoning), `metrics` and `rows`.
"""
