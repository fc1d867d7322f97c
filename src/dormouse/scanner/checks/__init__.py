"""The rules that run in process: one module for each weakness, with its rules for each kind of site."""
