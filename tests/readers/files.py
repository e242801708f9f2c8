"""Files for the tests of readers."""

from pathlib import Path


def write(path: Path, content: str | bytes) -> Path:
    """Write text as UTF-8 with the line ends that it has, or bytes as they are."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path
