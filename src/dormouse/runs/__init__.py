"""Run folders: the record of each run, its disk need, and pruning what no run needs."""
