"""The report: the measurements of a run beside the paper's findings."""
