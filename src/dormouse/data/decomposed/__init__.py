"""How a question is asked and answered through subquestions: prompts, worked examples, tags and their parsers."""
