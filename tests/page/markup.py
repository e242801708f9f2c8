"""What a browser would make of a page, and payloads that want it to make more."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

PAYLOADS = (
    "<script>alert(1)</script>",
    "</script><script>alert(2)</script>",
    "<img src=x onerror=alert(3)>",
    "<svg onload=alert(4)>",
    "\"><script>alert(5)</script>",
    "'><img src=x onerror=alert(6)>",
    "\" onmouseover=\"alert(7)",
    "' onfocus='alert(8)' autofocus='",
    "<a href=\"javascript:alert(9)\">x</a>",
    "javascript:alert(10)",
    "<iframe src=\"https://example.org\"></iframe>",
    "<style>*{display:none}</style>",
    "</style><script>alert(13)</script>",
    "</title><script>alert(14)</script>",
    "<!-- <script>alert(15)</script> -->",
    "--><script>alert(16)</script><!--",
    "]]><script>alert(17)</script><![CDATA[",
    "<base href=\"https://example.org/\">",
    "<meta http-equiv=refresh content=\"0;url=https://example.org\">",
    "<form action=https://example.org><input type=submit>",
    "<math><mtext></mtext><script>alert(21)</script></math>",
    "{{ 7 * 7 }} {% raw %}",
    "{{ ''.__class__.__mro__ }}",
    "${7*7} $x^2$ \\frac{1}{2}",
    "&lt;script&gt;alert(25)&lt;/script&gt;",
    "&#60;script&#62;alert(26)&#60;/script&#62;",
    "<link rel=stylesheet href=https://example.org/x.css>",
    "<details open ontoggle=alert(28)>",
    "</text></svg><script>alert(29)</script>",
    "url(https://example.org/x.svg#y)",
    "<scr\0ipt>alert(31)</scr\0ipt>",
    "\u202e>tpircs<\u2066 \ud800 \x07",
)  # fmt: skip
TAGS = {
    "html", "head", "meta", "title", "style", "body", "header", "main", "footer", "section", "nav", "p", "h1",
    "h2", "h3", "a", "bdi", "div", "span", "b", "small", "code", "pre", "table", "thead", "tbody", "tr", "th",
    "td", "ul", "li", "details", "summary", "figure", "figcaption", "svg", "g", "path", "text", "use", "defs",
    "clippath", "rect",
}  # fmt: skip
"""Every tag that the page itself uses."""
ATTRIBUTES = {
    "lang", "charset", "http-equiv", "content", "name", "class", "style", "id", "href", "aria-label", "scope",
    "colspan", "title", "open", "role", "viewbox", "d", "x", "y", "width", "height", "transform", "clip-path",
}  # fmt: skip
VOID = frozenset({"meta"})


@dataclass
class Page:
    """A parsed page.

    Attributes:
        tags: Every tag with its attributes, in order.
        text: All text, in pieces.
        unclosed: Tags still open at the end, and closing tags without an opening one.
    """

    tags: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    unclosed: list[str] = field(default_factory=list)

    def faults(self) -> list[str]:
        """Whatever the page's own template never makes, and every way out to a network."""
        found = [f"<{tag}>" for tag, _ in self.tags if tag not in TAGS]
        for tag, attributes in self.tags:
            found += [f"<{tag} {name}>" for name in attributes if name not in ATTRIBUTES]
            found += [f"{tag}: {v}" for k, v in attributes.items() if k == "href" and not v.startswith("#")]
            found += [f"{tag}: {v}" for k, v in attributes.items() if k in ("style", "clip-path") and "http" in v]
        return found + [f"unclosed {tag}" for tag in self.unclosed]


def read_page(html: str) -> Page:
    """Parse a page as a browser does."""
    page = Page()

    class Reader(HTMLParser):
        def handle_starttag(self, tag, attrs):
            page.tags.append((tag, {k: v or "" for k, v in attrs}))
            if tag not in VOID:
                page.unclosed.append(tag)

        def handle_startendtag(self, tag, attrs):
            page.tags.append((tag, {k: v or "" for k, v in attrs}))

        def handle_endtag(self, tag):
            if page.unclosed and page.unclosed[-1] == tag:
                page.unclosed.pop()
            else:
                page.unclosed.append(f"/{tag}")

        def handle_data(self, data):
            page.text.append(data)

        def handle_comment(self, data):
            page.tags.append(("comment", {}))

    Reader(convert_charrefs=True).feed(html)
    return page
