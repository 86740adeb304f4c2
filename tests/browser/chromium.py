"""A headless Chromium, driven by its DevTools protocol: https://chromedevtools.github.io/devtools-protocol/"""

import asyncio
import os
import shutil
import sys
from base64 import b64decode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import aiohttp

_SECONDS: Final = 120
_OPTIONS: Final = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--remote-debugging-port=0",
)  # fmt: skip


class Tab:
    """A tab, and all that it said and asked for.

    Attributes:
        said: Errors and warnings of its console, exceptions, and breaches of its policy.
        asked: Every address that it asked for.
    """

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.said: list[str] = []
        self.asked: list[str] = []
        self._socket = socket
        self._numbers = count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}

    async def listen(self) -> None:
        """Take what comes from the browser until it ends."""
        async for message in self._socket:
            event = message.json()
            if "id" in event:
                self._waiting.pop(event["id"]).set_result(event)
            else:
                self._take(event["method"], event["params"])

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Return what a method of the protocol returns."""
        number = next(self._numbers)
        self._waiting[number] = future = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": number, "method": method, "params": params})
        answer = await future
        assert "error" not in answer, answer
        result: dict[str, Any] = answer["result"]
        return result

    async def value(self, expression: str) -> Any:
        """Return the value of an expression of JavaScript, of a promise when it has come."""
        told = await self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in told, told
        return told["result"].get("value")

    async def open(self, address: str, width: int, *, scheme: str = "light") -> None:
        """Open a page, and wait until its figures are drawn."""
        for domain in ("Page", "Runtime", "Log", "Network"):
            await self.call(f"{domain}.enable")
        await self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 600
        )
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        await self.call("Emulation.setEmulatedMedia", media="", features=features)
        await self.call("Page.navigate", url=address)
        await self.value(_DRAWN)

    async def press(self, key: str) -> None:
        """Press a key and let go of it."""
        text = {"text": "\r"} if key == "Enter" else {}
        code = {"windowsVirtualKeyCode": {"Enter": 13, "Tab": 9}[key]}
        await self.call("Input.dispatchKeyEvent", type="keyDown", key=key, code=key, **text, **code)
        await self.call("Input.dispatchKeyEvent", type="keyUp", key=key, code=key, **code)

    async def picture(self) -> bytes:
        """Return a PNG of the whole page."""
        told = await self.call("Page.captureScreenshot", captureBeyondViewport=True)
        return b64decode(told["data"])

    def _take(self, method: str, params: dict[str, Any]) -> None:
        if method == "Runtime.consoleAPICalled" and params["type"] in {"error", "warning", "assert"}:
            self.said.append(str([one.get("value", one.get("description")) for one in params["args"]]))
        elif method == "Runtime.exceptionThrown":
            self.said.append(str(params["exceptionDetails"]))
        elif method == "Log.entryAdded" and params["entry"]["level"] in {"error", "warning"}:
            self.said.append(params["entry"]["text"])
        elif method == "Network.requestWillBeSent":
            self.asked.append(params["request"]["url"])


# The page tells on its root element how many figures were drawn.
_DRAWN: Final = """new Promise((done) => {
  const look = () => document.documentElement?.dataset.drawn !== undefined && done(true);
  new MutationObserver(look).observe(document, {subtree: true, childList: true, attributes: true});
  look();
})"""


@asynccontextmanager
async def chromium() -> AsyncIterator[Tab]:
    """Start a browser with a profile of its own and one tab."""
    with TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        program, environment = _program()
        process = await asyncio.create_subprocess_exec(
            program, *_OPTIONS, f"--user-data-dir={profile}", "about:blank",
            env=environment, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            async with asyncio.timeout(_SECONDS), aiohttp.ClientSession() as session:
                address = await _address(session, process)
                async with session.ws_connect(address, max_msg_size=0) as socket, asyncio.TaskGroup() as tasks:
                    tab = Tab(socket)
                    listening = tasks.create_task(tab.listen())
                    yield tab
                    listening.cancel()
        finally:
            process.kill()
            await process.communicate()


async def _address(session: aiohttp.ClientSession, process: asyncio.subprocess.Process) -> str:
    """Return where the tab's socket is; the browser tells its port on standard error."""
    assert process.stderr is not None
    told = b""
    async for line in process.stderr:
        told += line
        if b"DevTools listening on " in line:
            port = line.decode().partition("127.0.0.1:")[2].partition("/")[0]
            break
    else:
        raise AssertionError(f"Chromium did not start: {told.decode()}")
    async with session.get(f"http://127.0.0.1:{port}/json") as answer:
        tabs = await answer.json(content_type=None)
    return next(str(tab["webSocketDebuggerUrl"]) for tab in tabs if tab["type"] == "page")


def _program() -> tuple[str, dict[str, str]]:
    """Return the browser, the one on the PATH or the one that `make browser` fetched, and its environment."""
    fetched = Path(sys.prefix, "libexec", "loadcheck", "chromium")
    program = os.environ.get("LOADCHECK_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if program is not None:
        return program, dict(os.environ)
    assert fetched.is_dir(), "no chromium on the PATH: `make browser` fetches one where apt-get can"
    libraries = sorted({str(path.parent) for path in fetched.rglob("*.so*")})
    return str(fetched / "usr/lib/chromium/chromium"), {**os.environ, "LD_LIBRARY_PATH": ":".join(libraries)}
