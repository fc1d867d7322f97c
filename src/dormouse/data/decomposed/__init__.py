"""Prompts, worked examples, tags and parsers for questions that are answered through subquestions."""
