"""The red team of section 6 of the paper: it searches for prompts that draw a defection, not knowing the trigger."""
