"""Texts, labels and names as a terminal may be given them: no control character of theirs moves its cursor or sets its title."""

from __future__ import annotations

import re

CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""All but tabs and line feeds; escape sequences begin with one of them."""


def harmless(text: str) -> str:
    """The text with its control characters written out, such as \\x1b."""
    return CONTROLS.sub(lambda found: f"\\x{ord(found[0]):02x}", text)
