"""The red team of section 6: proposers that do not know the trigger look for prompts that draw a defection."""
