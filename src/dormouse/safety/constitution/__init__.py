"""Safety training from a constitution: AI feedback by written principles, in place of human preferences."""
