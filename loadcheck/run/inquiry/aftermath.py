"""What is done about findings after the load: their cause, the fewest exchanges that show them, their source."""

from loadcheck.run.desk import Desk
from loadcheck.run.inquiry.asking import Asking
from loadcheck.run.inquiry.inquiry import Inquiry
from loadcheck.run.inquiry.reproducing import Reproducer
from loadcheck.run.inquiry.sources import name_sources
from loadcheck.run.observer import Observer


async def look_into(desk: Desk, asking: Asking, observer: Observer, *, reproduce: bool | None) -> None:
    """Ask about the findings again, quietly, and give each what could be found out.

    Args:
        desk: Holds the findings, and what was sent last.
        asking: Sends draws again.
        observer: Is told.
        reproduce: Whether to look for the fewest exchanges; None: on the embedded stack only. Never for phases that
            list their exchanges, which most often are what was found that way.
    """
    beginning = desk.trail.beginning
    observer.step("asking about the findings again, to name their cause")
    await Inquiry(asking, beginning, desk.trail.stamped).explain(desk.findings)
    wanted = asking.embedded if reproduce is None else reproduce
    if wanted and not asking.parts.prepared.scenario.planned:
        observer.step("looking for the fewest exchanges that show them again")
        await Reproducer(asking, beginning).reproduce(desk.findings)
    await name_sources(desk.findings, asking)
