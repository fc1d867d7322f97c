"""The rules that run in process: a module for each weakness, with its rules on each kind of site."""
