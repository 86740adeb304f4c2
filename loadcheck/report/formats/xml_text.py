"""Text that XML can hold."""

import re
from typing import Final

# XML 1.0, section 2.2: no other character may stand in a document, not even escaped.
_UNFIT: Final = re.compile(r"[^\t\n\r\x20-\uD7FF\uE000-\uFFFD\U00010000-\U0010FFFF]")


def xml_text(text: str) -> str:
    r"""Return the text with what XML cannot hold written as `\\x1b`; the XML library escapes the rest."""
    return _UNFIT.sub(lambda unfit: f"\\x{ord(unfit[0]):02x}", text)
