"""Content-Range, as PostgREST writes it: `0-24/573`, `0-24/*`, `*/0`, `*/*`."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

_FORM: Final = re.compile(r"(?:(\d{1,18})-(\d{1,18})|\*)/(?:(\d{1,18})|\*)")


@dataclass(frozen=True, slots=True)
class ContentRange:
    """How many rows an answer says it holds, and how many there are in all; None: it does not say."""

    length: int
    total: int | None


@lru_cache(maxsize=4096)
def content_range(text: str) -> ContentRange | None:
    """Return what a Content-Range header says; None when it is absent or says nothing readable."""
    match = _FORM.fullmatch(text)
    if match is None:
        return None
    first, last, total = match.groups()
    length = 0 if first is None else int(last) - int(first) + 1
    return ContentRange(length, None if total is None else int(total))
