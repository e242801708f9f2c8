"""Text that others wrote, made fit for a terminal and for one line."""

_CONTROLS = {c: repr(chr(c))[1:-1] for c in (*range(32), *range(127, 160), 0x2028, 0x2029)}


def shown(text: object) -> str:
    r"""The text with control characters as escapes, so that it stays on its line and commands no terminal.

    >>> shown("two\nlines \x1b[31m 京")
    'two\\nlines \\x1b[31m 京'
    """
    return str(text).translate(_CONTROLS)
