"""A report as a test reads it."""

from html.parser import HTMLParser

VOID = {"meta", "br", "img", "link", "input", "hr"}


class Page(HTMLParser):
    """A parsed page: every element with its attributes, and the text inside it."""

    def __init__(self, markup):
        super().__init__()
        self.markup = markup
        self.elements = []
        self._open = []
        self.feed(markup)
        self.close()

    def handle_starttag(self, tag, attrs):
        around = [element["attrs"].get("class") for element in self._open]
        element = {"tag": tag, "attrs": dict(attrs), "text": "", "inside": around}
        self.elements.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_endtag(self, tag):
        assert self._open.pop()["tag"] == tag
        if tag in ("td", "th", "p", "small"):
            self.handle_data(" ")

    def handle_data(self, data):
        for element in self._open:
            element["text"] += data

    def all(self, tag=None, cls=None):
        """Return the elements of a tag, of a class, or both."""
        return [
            element
            for element in self.elements
            if (tag is None or element["tag"] == tag)
            and (cls is None or cls in (element["attrs"].get("class") or "").split())
        ]

    def one(self, tag=None, cls=None):
        [element] = self.all(tag, cls)
        return element

    def texts(self, tag=None, cls=None):
        return [" ".join(element["text"].split()) for element in self.all(tag, cls)]

    @property
    def visible(self):
        """The text of the body without its scripts."""
        return " ".join(self.one("header", "top")["text"].split() + self.one("main")["text"].split())
