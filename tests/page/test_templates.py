import pytest

from limbeck.page.templates import escape_markdown


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("a_b*c", r"a\_b\*c"),
        ("[x](javascript:1)", r"\[x\](javascript:1)"),
        ("![x](y)", r"\!\[x\](y)"),
        ("a | b", r"a \| b"),
        ("# no\n\nheading", r"\# no heading"),
        ("<b>&amp;", "&lt;b&gt;&amp;amp;"),
        ("https://x.org www.x.org @me", "https&#58;//x.org www&#46;x.org &#64;me"),
        ("`code` $x^2$", r"\`code\` \$x\^2\$"),
    ],
)
def test_markdown_is_escaped(text, escaped):
    assert str(escape_markdown(text)) == escaped
