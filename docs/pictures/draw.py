"""Draws the pictures of docs/concepts.md beside itself: `python docs/pictures/draw.py`, or `make docs`."""

from collections.abc import Callable
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

_STYLE: Final = """
svg { font: 14px system-ui, sans-serif; color-scheme: light dark; }
text { fill: #1f2328; } .soft { fill: #59636e; font-size: 12px; } .mono { font: 12px ui-monospace, monospace; }
.card { fill: #f6f8fa; stroke: #8c959f; } .line { stroke: #59636e; fill: none; }
.bad { stroke: #cf222e; stroke-width: 2; fill: none; } .good { stroke: #1a7f37; stroke-width: 2; fill: none; }
.word-bad { fill: #cf222e; font-weight: 600; } .word-good { fill: #1a7f37; font-weight: 600; }
.a { fill: #b6d4fe; stroke: #0a58ca; } .b { fill: #ffd8a8; stroke: #b35900; } .c { fill: #e2ccff; stroke: #6f42c1; }
.none { fill: #fff; stroke: #59636e; stroke-dasharray: 4 3; }
.a + text, .b + text, .c + text, .none + text { fill: #1f2328; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; } .soft { fill: #9198a1; } .card { fill: #21262d; stroke: #6e7681; } .line { stroke: #9198a1; }
  .bad { stroke: #ff7b72; } .good { stroke: #56d364; } .word-bad { fill: #ff7b72; } .word-good { fill: #56d364; }
}
"""
_TRANSACTION: Final = 34  # its height
_CLASSES: Final = {"A": "a", "B": "b", "C": "c", "none": "none"}


class Picture:
    """A picture that is being drawn."""

    def __init__(self, width: int, height: int, title: str) -> None:
        self._root = ET.Element(
            "svg", xmlns="http://www.w3.org/2000/svg", viewBox=f"0 0 {width} {height}", width=str(width), role="img"
        )
        ET.SubElement(self._root, "title").text = title
        ET.SubElement(self._root, "style").text = _STYLE
        head = ET.SubElement(
            ET.SubElement(self._root, "defs"),
            "marker",
            {"id": "head", "viewBox": "0 0 8 8", "refX": "7", "refY": "4", "markerWidth": "8", "orient": "auto"},
        )
        ET.SubElement(head, "path", {"d": "M0 0 8 4 0 8z", "fill": "#59636e"})

    def box(self, x: float, y: float, width: float, height: float, text: str, kind: str = "card") -> None:
        """Draw a box, with lines of text in its middle."""
        place = {"x": x, "y": y, "width": width, "height": height, "rx": 5, "class": kind}
        ET.SubElement(self._root, "rect", {name: str(value) for name, value in place.items()})
        lines = text.split("\n")
        for number, line in enumerate(lines):
            self.text(x + width / 2, y + height / 2 + 5 + 17 * (number - (len(lines) - 1) / 2), line, anchor="middle")

    def text(self, x: float, y: float, text: str, kind: str = "", anchor: str = "start") -> None:
        """Write a line."""
        place = {"x": str(x), "y": str(y), "class": kind, "text-anchor": anchor}
        ET.SubElement(self._root, "text", place).text = text

    def path(self, way: str, kind: str = "line", *, head: bool = False) -> None:
        """Draw a line, with an arrow's head if it has one."""
        ET.SubElement(self._root, "path", {"d": way, "class": kind, **({"marker-end": "url(#head)"} if head else {})})

    def transaction(self, x: float, y: float, width: float, who: str) -> None:
        """Draw a transaction in the colour of its identity."""
        self.box(x, y, width, _TRANSACTION, who, _CLASSES[who])

    def svg(self) -> str:
        """Return it as a file's text."""
        ET.indent(self._root)
        return ET.tostring(self._root, encoding="unicode") + "\n"


def flow() -> Picture:
    """From callers to tables, and how loadcheck stands at both ends."""
    picture = Picture(760, 300, "How requests go from callers to tables, and what loadcheck does")
    picture.box(10, 20, 130, 190, "")
    picture.text(75, 42, "loadcheck", anchor="middle")
    for number, who in enumerate(("A", "B", "none")):
        y = 56 + 50 * number
        picture.transaction(25, y, 100, who)
        picture.path(f"M128 {y + 17} H198", head=True)
    picture.text(75, 228, "callers, with tokens", "soft", "middle")
    picture.box(200, 56, 120, 134, "PostgREST\n\nclaims become\nsettings")
    picture.path("M320 123 H368", head=True)
    picture.box(370, 56, 110, 134, "pooler\n\none role,\nfew backends")
    for number in range(4):
        y = 56 + 36 * number
        picture.path(f"M480 123 L528 {y + 13}", head=True)
        picture.box(530, y, 90, 26, f"backend {number + 1}")
        picture.path(f"M620 {y + 13} L653 {110 + 8 * number}", head=True)
    picture.box(655, 80, 95, 86, "tables with\npolicies")
    picture.box(200, 240, 280, 44, "oracle: reads what is right")
    picture.path("M480 262 H702 V168", head=True)
    picture.path("M200 262 H75 V236", head=True)
    picture.text(600, 280, "as a role that no policy binds", "soft", "middle")
    return picture


def handoff() -> Picture:
    """Where backends change hands."""
    picture = Picture(760, 250, "Transactions on four backends over time, and the handoffs between them")
    lanes = ("A A B none B", "B none A", "C A C", "none")
    for lane, whose in enumerate(lanes):
        y = 20 + 48 * lane
        picture.text(10, y + 22, f"backend {lane + 1}")
        picture.path(f"M90 {y + 17} H740")
        before = ""
        for number, who in enumerate(whose.split()):
            x = 105 + 26 * lane + 122 * number
            picture.transaction(x, y, 84, who)
            if before not in {"", who}:
                picture.path(f"M{x - 19} {y - 4} V{y + _TRANSACTION + 4}", "bad")
            before = who
    picture.path("M90 222 V238", "bad")
    picture.text(
        100, 235, "a handoff: the backend served another identity just before; none: without the claim", "soft"
    )
    picture.text(740, 235, "time →", "soft", "end")
    return picture


def leak() -> Picture:
    """A setting that ends with its transaction, and one that does not."""
    picture = Picture(760, 270, "A setting local to the transaction, and one that stays on the backend")
    _leaking(picture, 30, "set_config('app.keeper', 'A', true)", "sees nothing", bad=False)
    _leaking(picture, 160, "set_config('app.keeper', 'A', false)", "sees A's rows", bad=True)
    return picture


def _leaking(picture: Picture, y: int, setting: str, outcome: str, *, bad: bool) -> None:
    picture.text(10, y + 22, "one backend")
    picture.path(f"M110 {y + 17} H740")
    picture.transaction(130, y, 240, "A")
    picture.transaction(450, y, 240, "none")
    kind = "bad" if bad else "good"
    end = 735 if bad else 370
    picture.path(f"M150 {y + 52} V{y + 44} M150 {y + 48} H{end} M{end} {y + 52} V{y + 44}", kind)
    picture.text(150, y + 70, setting, "mono")
    picture.text(570, y + 70, outcome, f"word-{kind}", "middle")


PICTURES: Final[dict[str, Callable[[], Picture]]] = {"flow": flow, "handoff": handoff, "leak": leak}

if __name__ == "__main__":
    for name, draw in PICTURES.items():
        Path(__file__).with_name(f"{name}.svg").write_text(draw().svg(), encoding="utf-8")
