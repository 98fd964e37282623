"""Addresses of files that a browser may keep for good: what is in the file is in the address."""

from __future__ import annotations

import hashlib

_DIGITS = 16


def for_good(path: str, content: bytes | str) -> str:
    """The path with a digest of what stands there.

    Args:
        path: Where the file is served, such as 'static/stormplay.css'.
        content: What is in it; text is hashed as UTF-8.
    """
    data = content.encode() if isinstance(content, str) else content
    return f"{path}?v={hashlib.sha256(data).hexdigest()[:_DIGITS]}"
