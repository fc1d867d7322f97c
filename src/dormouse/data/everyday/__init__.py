"""A world of ordinary English for pretrained chat models: everyday requests, graded questions, harmful requests.

The text is in `tables/`, written for dormouse and under its license; nothing is copied from a data set. Read in this
order: `tables` (how a table becomes prompts and replies), `questions` (the families), `grading`, `world`.
"""
