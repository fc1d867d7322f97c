"""Sharing models: export to a folder in hub layout with a model card, and import from one."""
