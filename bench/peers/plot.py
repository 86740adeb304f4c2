"""Draws the rates: `python plot.py FILE.svg`, with what was measured as JSON on standard input.

Run by the Python that has matplotlib, which loadcheck itself does not need.
"""

# mypy: disable-error-code="import-not-found"

import json
import sys
from typing import Any

import matplotlib as mpl

mpl.use("svg")
mpl.rcParams["svg.hashsalt"] = "loadcheck"
from matplotlib import pyplot as plt  # noqa: E402 -- after its backend was chosen


def draw(servers: dict[str, list[dict[str, Any]]], path: str) -> None:
    """Draw the median of each tool as a bar, and its rounds as a line through its end."""
    heights = [len(tools) for tools in servers.values()]
    figure, axes = plt.subplots(
        len(servers), squeeze=False, figsize=(9, 0.42 * sum(heights) + 1.2 * len(servers)), height_ratios=heights
    )
    for axis, (server, tools) in zip(axes[:, 0], servers.items(), strict=True):
        names, rates = [one["tool"] for one in tools], [one["rate"] for one in tools]
        spread = [[one["rate"] - one["least"] for one in tools], [one["most"] - one["rate"] for one in tools]]
        ours = ["#2a6f97" if name.startswith("loadcheck run") else "#b8c4cc" for name in names]
        axis.barh(names, rates, xerr=spread, color=ours, ecolor="#555555")
        axis.invert_yaxis()
        axis.set_title(f"{server}: answers a second", loc="left", fontsize=10)
        axis.xaxis.set_major_formatter("{x:,.0f}")
        axis.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    draw(json.load(sys.stdin), sys.argv[1])
