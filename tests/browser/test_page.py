"""The page as people have it before them: quiet, offline, complete at any width, and usable by keyboard."""

import asyncio
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from loadcheck.record.chunk_file import ChunkFile
from loadcheck.record.stored_run import StoredRun
from loadcheck.report.html.page import page
from tests.browser.chromium import Tab, chromium
from tests.cli.hostile import PET, hostile_run
from tests.report.test_formats import stored, two
from tests.report.test_html import IMAGE, lasting_a_day, line

pytestmark = pytest.mark.browser

SECTIONS = ["verdict", "findings", "charts-section", "coverage", "requests", "thresholds", "configuration"]
_VISIBLE = "[...document.querySelectorAll('section')].filter((one) => one.offsetHeight > 40).map((one) => one.id)"
_DRAWN = "[...document.querySelectorAll('.drawing')].every((one) => one.offsetHeight > 40 && one.childElementCount)"
_WIDEST = "Math.max(...[...document.querySelectorAll('.drawing > *')].map((one) => one.getBoundingClientRect().width))"
_TIME = "(({start, end}) => [start, end])(Bokeh.documents.at(-1).get_model_by_name('time'))"


def written(folder: Path, run: StoredRun, text: str = "Nemo") -> str:
    """Write the page of a run whose rows, phases and identities hold a text, and return its address."""
    first = run.findings[0]
    first["evidence"]["received"] = first["evidence"]["wrong"] = [orjson.dumps({"name": text}).decode()]
    run.summary["phases"][1]["name"] = text
    run.summary["reasons"] = [text]
    with_history(folder, first["seq"], text)
    file = folder / "run.html"
    file.write_text(page(replace(run, folder=folder)), "utf-8")
    return file.as_uri()


def with_history(folder: Path, seq: int, who: str) -> None:
    history = ChunkFile(folder / "history.ndjson.gz")
    for one in (line(0, 1.0, "keeper#17", 7), line(1, 1.5, who, 8), line(seq, 2.0, "keeper#3", 7)):
        history.add(orjson.dumps(one) + b"\n")
    history.close()


def quiet(tab: Tab, address: str) -> bool:
    return tab.said == [] and tab.asked == [address]


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
async def test_every_section_is_there_nothing_is_said_and_nothing_asked_for(
    width: int, scheme: str, tmp_path: Path
) -> None:
    address = written(tmp_path, stored(two()))
    async with chromium() as tab:
        await tab.open(address, width, scheme=scheme)
        assert await tab.value(_VISIBLE) == SECTIONS
        assert await tab.value(_DRAWN)
        assert await tab.value("document.documentElement.scrollWidth") <= width
        assert quiet(tab, address)


async def test_rows_that_are_markup_are_shown_as_text(tmp_path: Path) -> None:
    address = written(tmp_path, stored(two()), IMAGE + " $$\\frac{1}{2}$$")
    async with chromium() as tab:
        await tab.open(address, 1280)
        assert await tab.value("document.images.length") == 0
        assert IMAGE in await tab.value("document.querySelector('.rows .marked').textContent")
        assert quiet(tab, address)


async def test_a_hostile_database_leaves_the_page_inert(tmp_path: Path) -> None:
    address = (await asyncio.to_thread(hostile_run, tmp_path)).reports["html"].as_uri()
    async with chromium() as tab:
        await tab.open(address, 390)
        assert await tab.value("document.images.length") == 0
        assert PET in await tab.value("document.querySelector('.rows .marked').textContent")
        assert await tab.value("document.documentElement.scrollWidth") <= 390
        assert quiet(tab, address)


async def test_figures_fit_on_paper(tmp_path: Path) -> None:
    address = written(tmp_path, stored(two()))
    async with chromium() as tab:
        await tab.open(address, 1280)
        await tab.call("Emulation.setEmulatedMedia", media="print")
        await tab.value("dispatchEvent(new Event('beforeprint'))")
        assert await tab.value(_WIDEST) <= 700
        assert await tab.value("[...document.querySelectorAll('details')].every((one) => one.open)")
        await tab.value("dispatchEvent(new Event('afterprint'))")
        assert await tab.value(_WIDEST) > 1000
        assert quiet(tab, address)


async def test_a_run_of_a_day_is_drawn(tmp_path: Path) -> None:
    address = written(tmp_path, lasting_a_day(stored(two())))
    async with chromium() as tab:
        await tab.open(address, 1280)
        assert await tab.value(_TIME) == [0, 86_400]
        assert quiet(tab, address)


async def test_tables_sort_and_charts_zoom_by_keyboard(tmp_path: Path) -> None:
    run = stored(two())
    run.summary["requests"]["one"]["sent"] = 70
    address = written(tmp_path, run)
    async with chromium() as tab:
        await tab.open(address, 1280)
        sent = "[...document.querySelectorAll('#requests td:nth-child(2)')].map((one) => Number(one.dataset.value))"
        await tab.value("document.querySelectorAll('#requests th button')[1].focus()")
        before = await tab.value(sent)
        await tab.press("Enter")
        assert await tab.value(sent) == sorted(before, reverse=True)
        await tab.press("Enter")
        assert await tab.value(sent) == sorted(before) != sorted(before, reverse=True)
        assert await tab.value("document.querySelectorAll('#requests th')[1].ariaSort") == "ascending"
        whole = await tab.value(_TIME)
        await tab.value("document.querySelector('[data-zoom=in]').focus()")
        await tab.press("Enter")
        assert await tab.value(_TIME) == [whole[1] / 4, whole[1] * 3 / 4]
        await tab.press("Tab")
        assert await tab.value("document.activeElement.dataset.zoom") == "out"
        assert quiet(tab, address)
