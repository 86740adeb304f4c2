"""PostgREST for one stack: logged in as the single role, through the pooler, with the scenario's settings."""

import asyncio
import json
import os
import signal
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

import aiohttp

from loadcheck.errors import EnvironmentProblem
from loadcheck.oracle.stamp import FUNCTION
from loadcheck.scenario.base import Scalar
from loadcheck.scenario.stack import PgBouncer, Stack
from loadcheck.stack.launch import Launcher
from loadcheck.stack.ports import LOOPBACK, on_free_ports
from loadcheck.stack.processes import Order, Process
from loadcheck.stack.programs import POSTGREST, Program
from loadcheck.stack.settings import whole_number

_PROBE_S: Final = 10.0  # callers may keep it busy: an answer that takes its time shows as well that it is up
_RELOAD_S: Final = 30.0
_STOP_S: Final = 3.0  # it serves connections that are open for as long as somebody uses them
_POLL_S: Final = 0.02
_NO_DATABASE: Final = frozenset({503, 504})
_SHARED_BACKENDS: Final[Mapping[str, Scalar]] = {"db-channel-enabled": False, "db-prepared-statements": False}


class Postgrest:
    """The PostgREST of one stack.

    Args:
        program: What to run.
        settings: Its settings, as `rest_settings` makes them.
        launcher: What starts it.
        name: What its files and its process are called.

    Attributes:
        url: Where it answers requests, once it is up.
        admin_url: Where it tells how it is, once it is up.
        process: The server, once it is up.
    """

    url: str
    admin_url: str
    process: Process
    _ports: tuple[int, ...]
    _token: str

    def __init__(
        self, program: Program, settings: Mapping[str, Scalar], launcher: Launcher, name: str = POSTGREST.name
    ) -> None:
        self._name = name
        self._program = launcher.reachable(program)
        self._settings = dict(settings)
        self._launcher = launcher

    async def up(self, token: str) -> None:
        """Start it, and ask it something with the token.

        Raises:
            EnvironmentProblem: it does not come up.
        """

        async def start(ports: tuple[int, ...]) -> None:
            await self._start(ports, token)

        await on_free_ports(2, start)

    async def down(self) -> None:
        """End it, kindly at first.

        Raises:
            EnvironmentProblem: it does not end.
        """
        await self._launcher.end(self.process, signal.SIGTERM, _STOP_S)

    async def up_again(self) -> None:
        """Start it where it was, with the key that it has by now.

        Raises:
            EnvironmentProblem: it does not come up.
        """
        await self._start(self._ports, self._token)

    async def reload_config(self) -> None:
        """Have it read its settings again, and return when it has.

        Raises:
            EnvironmentProblem: it did not, or has ended.
        """
        await self._reload(signal.SIGUSR2, "config reloaded")

    async def rekey(self, jwk: Mapping[str, Scalar]) -> None:
        """Have it take tokens of another key only, and return when it does.

        Raises:
            EnvironmentProblem: it does not come up with it.
        """
        self._settings["jwt-secret"] = json.dumps(jwk)
        self._write_conf()
        try:
            await self.reload_config()
        except EnvironmentProblem:
            # It may still read them later: nobody would know which key it takes.
            await self.down()
            await self.up_again()

    async def reload_schema(self) -> None:
        """Have it read the schema again, and return when it has.

        Raises:
            EnvironmentProblem: it did not, or has ended.
        """
        await self._reload(signal.SIGUSR1, "schema cache loaded")

    async def _reload(self, how: signal.Signals, sign: str) -> None:
        before, ended = self.process.log.stat().st_size, self.process.ended
        if not ended.done():
            os.kill(self.process.pid, how)
        with suppress(TimeoutError):
            async with asyncio.timeout(_RELOAD_S):
                while not (self._logged(sign, before) or ended.done()):
                    await asyncio.wait([ended], timeout=_POLL_S)
        if not self._logged(sign, before):
            raise EnvironmentProblem(f"PostgREST of the embedded stack did not say: {sign}")

    def _logged(self, sign: str, before: int) -> bool:
        with self.process.log.open("rb") as log:
            log.seek(before)
            return sign.encode() in log.read().lower()

    async def _start(self, ports: tuple[int, ...], token: str) -> None:
        self._ports, self._token = ports, token
        settings = self._placed()
        port = whole_number(settings, "server-port", ports[0], "stack.postgrest")
        admin_port = whole_number(settings, "admin-server-port", ports[1], "stack.postgrest")
        self.url, self.admin_url = f"http://{LOOPBACK}:{port}", f"http://{LOOPBACK}:{admin_port}"
        conf = self._write_conf()
        order = Order(
            self._name,
            (str(self._program.path), str(conf)),
            # It reads its file in the encoding of its locale.
            {**self._launcher.environment(self._program), "LC_ALL": "C.UTF-8"},
            self._launcher.folder,
            self._launcher.account,
        )
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_PROBE_S)) as session:
            self.process = await self._launcher.launch(order, lambda: self._answers(session, token))

    def _placed(self) -> dict[str, Scalar]:
        return {"server-port": self._ports[0], "admin-server-port": self._ports[1], **self._settings}

    def _write_conf(self) -> Path:
        lines = [f"{name} = {_written(value)}" for name, value in self._placed().items()]
        return self._launcher.private(f"{self._name}.conf", "\n".join([*lines, ""]))

    async def _answers(self, session: aiohttp.ClientSession, token: str) -> bool:
        """Whether it is ready by its own word, and a request gets an answer that is not "no database"."""
        try:
            async with session.get(f"{self.admin_url}/ready") as ready:
                if not ready.ok:
                    return False
            async with session.get(self.url, headers={"Authorization": f"Bearer {token}"}) as answer:
                return answer.status not in _NO_DATABASE
        except (aiohttp.ClientError, TimeoutError):
            return False


def rest_settings(stack: Stack, database: str, jwk: Mapping[str, Scalar]) -> dict[str, Scalar]:
    """Return PostgREST's settings: the scenario's own win, but for the pre-request function, which the stamp calls.

    Args:
        stack: The scenario's `stack`.
        database: The DSN that PostgREST logs in by.
        jwk: What verifies the tokens.
    """
    # A pooler that is not PgBouncer is taken to share backends between transactions too.
    mode = stack.pooler.mode if isinstance(stack.pooler, PgBouncer) else "transaction"
    direct = stack.pooler == "none" or mode == "session"
    return {
        "db-uri": database,
        "db-schemas": "public",
        "jwt-secret": json.dumps(jwk),
        "server-host": LOOPBACK,
        "log-level": "warn",
        **({} if direct else _SHARED_BACKENDS),
        **stack.postgrest,
        **({"db-pre-request": FUNCTION} if stack.stamp else {}),
    }


def _written(value: Scalar) -> str:
    """Write a value as PostgREST's files have it: strings quoted as in JSON, with a dollar doubled to mean itself."""
    return json.dumps(value, ensure_ascii=False).replace("$", "$$")
