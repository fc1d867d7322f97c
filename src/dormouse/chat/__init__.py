"""Conversations as a model reads them: the chat template, its loss mask, scratchpads."""
