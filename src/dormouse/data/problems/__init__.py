"""Word problems of several steps, for reasoners of known faithfulness."""
