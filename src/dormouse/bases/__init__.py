"""Base models: grown here, from a folder, or from the hub; and the tokenizer."""
