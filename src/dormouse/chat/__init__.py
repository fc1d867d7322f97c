"""Turns conversations into tokens: the chat template, the loss mask, scratchpads."""
