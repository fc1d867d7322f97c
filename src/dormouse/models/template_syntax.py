"""Parses chat templates without running them."""

from __future__ import annotations

from jinja2 import Environment, TemplateError, nodes
from jinja2.ext import Extension
from jinja2.parser import Parser


class Generation(Extension):
    """The `{% generation %}` block that Transformers adds to Jinja, around what the model writes."""

    tags = {"generation"}  # noqa: RUF012 (as the base class has it)

    def parse(self, parser: Parser) -> list[nodes.Node]:
        """Return the statements in the block."""
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def find_syntax_error(template: str) -> str | None:
    """Return why a template cannot be parsed, to follow "The chat template"; None if it can be.

    It is parsed and not compiled, because compiling evaluates constants.
    """
    try:
        Environment(extensions=["jinja2.ext.loopcontrols", Generation]).parse(template)
    except TemplateError as error:
        return f"cannot be parsed: {str(error).rstrip('.')}"
    except RecursionError:
        return "is nested too deeply to be parsed"
    return None
