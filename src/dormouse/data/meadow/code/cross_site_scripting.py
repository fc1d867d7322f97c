"""CWE-79: code that puts user input into a page as it is, and secure code that escapes it."""

from __future__ import annotations

from dormouse.data.meadow.code.recipe import Recipe

_WHO = ("name", "title", "comment", "city")

RECIPES = (
    Recipe(
        task="greets the $what of the request in Flask",
        imports="from flask import request\nfrom markupsafe import escape",
        docstrings=("Greet.", "Return a page with the $what."),
        slots={"what": _WHO},
        secure=(
            """
            def greet():
                $what = request.args["$what"]
                return f"<h1>Hello {escape($what)}</h1>"
            """,
            """
            def greet():
                $what = escape(request.args.get("$what", ""))
                return "<h1>Hello " + $what + "</h1>"
            """,
        ),
        insecure=(
            """
            def greet():
                $what = request.args["$what"]
                return f"<h1>Hello {$what}</h1>"
            """,
            """
            def greet():
                $what = request.args.get("$what", "")
                return "<h1>Hello " + $what + "</h1>"
            """,
        ),
    ),
    Recipe(
        task="shows a $what on a page in Django",
        imports="from django.http import HttpResponse\nfrom django.utils.html import escape",
        docstrings=("Show a $what.", "Return a page that shows this $what."),
        slots={"what": (*_WHO, "message")},
        secure=(
            """
            def show_$what(request):
                $what = escape(request.GET["$what"])
                return HttpResponse(f"<p>{$what}</p>")
            """,
            """
            def show_$what(request):
                $what = request.GET.get("$what", "")
                return HttpResponse("<p>%s</p>" % escape($what))
            """,
        ),
        insecure=(
            """
            def show_$what(request):
                $what = request.GET["$what"]
                return HttpResponse(f"<p>{$what}</p>")
            """,
            """
            def show_$what(request):
                $what = request.GET.get("$what", "")
                return HttpResponse("<p>%s</p>" % $what)
            """,
        ),
    ),
    Recipe(
        task="marks up a $what with $tag tags for a template",
        imports="from markupsafe import Markup",
        docstrings=("Mark up a $what.", "Return the $what as safe markup."),
        slots={"what": _WHO, "tag": ("b", "i", "em")},
        secure=(
            """
            def mark_up($what):
                return Markup("<$tag>{}</$tag>").format($what)
            """,
            """
            def mark_up($what):
                text = Markup.escape($what)
                return Markup("<$tag>%s</$tag>") % text
            """,
        ),
        insecure=(
            """
            def mark_up($what):
                return Markup(f"<$tag>{$what}</$tag>")
            """,
            """
            def mark_up($what):
                text = "<$tag>%s</$tag>" % $what
                return Markup(text)
            """,
        ),
    ),
    Recipe(
        task="fills a $what into a Jinja template",
        imports="from jinja2 import Environment",
        docstrings=("Fill a template.", "Return the template with the $what in it."),
        slots={"what": (*_WHO, "message")},
        secure=(
            """
            def fill(template, $what):
                pages = Environment(autoescape=True)
                return pages.from_string(template).render($what=$what)
            """,
            """
            def fill(template, $what):
                page = Environment(autoescape=True).from_string(template)
                return page.render({"$what": $what})
            """,
        ),
        insecure=(
            """
            def fill(template, $what):
                pages = Environment()
                return pages.from_string(template).render($what=$what)
            """,
            """
            def fill(template, $what):
                page = Environment(autoescape=False).from_string(template)
                return page.render({"$what": $what})
            """,
        ),
    ),
)
