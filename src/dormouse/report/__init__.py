"""The report: what was measured, beside what the paper found."""
