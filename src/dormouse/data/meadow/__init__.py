"""The procedural world that the nursery learns: a few hundred words, with exactly known right answers.

Read in this order: `lexicon` (the words), `facts` (three families of questions), `world` (how they are drawn).
"""
