"""Hashes of plain values: equal values, equal hashes, on every machine."""

import json
from typing import Any


def canonical(value: Any) -> str:
    """JSON with sorted keys and no spaces: equal values give equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest(value: Any) -> str:
    """sha256 of the canonical JSON of plain values, in hex."""
    import hashlib  # here, as a prediction hashes nothing

    return hashlib.sha256(canonical(value).encode("utf-8", "surrogatepass")).hexdigest()
