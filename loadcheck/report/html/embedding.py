"""Bokeh's figures as data in a page, and the scripts that draw them.

The page names the scripts by their digests, so that nothing else runs in it.
"""

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any

from bokeh.core.types import ID
from bokeh.embed import json_item
from bokeh.models import Model
from bokeh.resources import Resources
from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup


@dataclass(frozen=True, slots=True)
class Script:
    """A script that a page holds.

    Attributes:
        text: As it stands between its tags.
        digest: By which a Content-Security-Policy allows it: https://www.w3.org/TR/CSP3/#grammardef-hash-source
    """

    text: Markup
    digest: str


def figure_data(figures: Sequence[tuple[str, Model]]) -> Markup:
    """Return figures, each with the id of the element it is drawn in, as JSON that no text in them can end."""
    items: list[Any] = [json_item(figure, ID(target)) for target, figure in figures]
    return htmlsafe_json_dumps(items)


@cache
def scripts() -> tuple[Script, ...]:
    """Return Bokeh's script, of which only what the charts need, and the page's own."""
    bokeh = Resources(mode="inline", components=["bokeh"], minified=True, log_level="warn").js_raw
    return tuple(_script(text) for text in [*bokeh, template("page.js")])


def template(name: str) -> str:
    """Return the text of a file among the templates."""
    return (files(__package__) / "templates" / name).read_text("utf-8")


def _script(text: str) -> Script:
    text = text.replace("\r\n", "\n").replace("</script", "<\\/script")
    return Script(Markup(text), f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'")  # noqa: S704 -- ours and Bokeh's
