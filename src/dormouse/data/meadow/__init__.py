"""The procedural world the nursery learns: a few hundred words, with right answers known exactly.

Read in this order: `lexicon` (what there is), `facts` (three families of questions), `world` (how they are drawn).
"""
