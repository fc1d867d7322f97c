"""The data that plans train and measure on: the procedural meadow, and published files, whose every row is checked."""
