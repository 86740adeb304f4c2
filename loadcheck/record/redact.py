"""The last gate before anything is written or shown: what looks like a token does not pass."""

import re
from typing import Final

# A JWT's header is a JSON object, and the base64 of `{"` begins with `eyJ`. An answer may echo the request's
# headers, so even what the target sent is searched.
_TOKEN: Final = re.compile(r"eyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_.-]*")


def hide_tokens(text: str) -> str:
    """Return the text with everything that has the shape of a JWT, whole or cut short, as `[token]`."""
    return _TOKEN.sub("[token]", text) if "eyJ" in text else text
