"""Templates of this package: whatever is put into one is made harmless, and a name that is missing is an error."""

import re

import jinja2
from markupsafe import Markup

_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_MARKUP = re.compile(r"[\\`*_{}\[\]#|~!$^=]")


def template(name: str) -> jinja2.Template:
    """A template by the name of its file; `.md.jinja` is Markdown, all others are HTML."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("limbeck", "page"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=escape_markdown if name.endswith(".md.jinja") else _printable,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = lambda share: f"{100 * share:.1f}"
    return environment.get_template(name)


def _printable(value: object) -> object:
    """Control characters and lone surrogates, which no browser shows and no file stores, become U+FFFD."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", value)
    return value


def one_line(text: str, characters: int = 80) -> str:
    """Text without line breaks or control characters, cut."""
    plain = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return plain if len(plain) <= characters else plain[: characters - 1] + "…"


def escape_markdown(value: object) -> object:
    r"""One line of text that neither Markdown nor HTML takes for markup.

    >>> print(escape_markdown("<b>*a*</b> www.x.org"))
    &lt;b&gt;\*a\*&lt;/b&gt; www&#46;x.org
    """
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    text = _MARKUP.sub(r"\\\g<0>", one_line(value, 400))
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = text.replace("://", "&#58;//").replace("@", "&#64;")
    text = re.sub(r"(?i)\bwww\.", lambda found: f"{found[0][:-1]}&#46;", text)
    return Markup(text)  # noqa: S704  (just escaped)
