"""Plain scripts that do what dormouse does, with the libraries alone, as their documentation advises."""
