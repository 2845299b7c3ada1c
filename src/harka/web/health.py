"""`/livez`: the process turns its loop. `/readyz`: it can serve, and if not, what is missing. No tenant.

A Valkey that is down makes the process `degraded`, not unready: answers stay right, only slower, and taking
every process out of rotation for a cache would turn a slow service into none.
"""

import asyncio
from collections.abc import Awaitable
from typing import Final

import msgspec
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from harka import clock
from harka.codec import json_bytes
from harka.errors import HarkaError
from harka.runtime import Runtime
from harka.storage import readiness
from harka.web.middleware.draining import Draining

_PROBE_TIMEOUT: Final = 0.8
_FRESH_SECONDS: Final = 0.5
_OK: Final = "ok"


class Report(msgspec.Struct, frozen=True):
    """`status`: ready, degraded (serve), unavailable, draining (do not). `checks`: `ok` or what is wrong."""

    status: str
    checks: dict[str, str]

    @property
    def http_status(self) -> int:
        return 200 if self.status in {"ready", "degraded"} else 503


class Health:
    """The two probes. However many ask, the servers are asked at most twice a second."""

    def __init__(self, runtime: Runtime, draining: Draining) -> None:
        self._runtime = runtime
        self._draining = draining
        self._asking = asyncio.Lock()
        self._checks: dict[str, str] = {}
        self._asked_at = float("-inf")

    async def livez(self, scope: Scope, receive: Receive, send: Send) -> None:
        await _json(200, {"status": "alive"})(scope, receive, send)

    async def readyz(self, scope: Scope, receive: Receive, send: Send) -> None:
        report = await self.report()
        body = {"status": report.status, "checks": report.checks}
        await _json(report.http_status, body)(scope, receive, send)

    async def report(self) -> Report:
        """Answers within a second, whatever hangs."""
        if self._draining.begun:
            return Report("draining", {})
        async with self._asking:
            if clock.monotonic() - self._asked_at > _FRESH_SECONDS:
                self._checks = await self._ask()
                self._asked_at = clock.monotonic()
        checks = self._checks
        if all(state == _OK for state in checks.values()):
            return Report("ready", checks)
        needed = {name: state for name, state in checks.items() if name != "valkey"}
        serving = all(state == _OK for state in needed.values())
        return Report("degraded" if serving else "unavailable", checks)

    async def _ask(self) -> dict[str, str]:
        runtime = self._runtime
        migrations, database, valkey = await asyncio.gather(
            _state(_migrations(runtime)),
            _state(_database(runtime)),
            _state(_valkey(runtime)),
        )
        directory = _OK if runtime.directory.current.loaded else "not read yet"
        return {
            "catalog": _OK if migrations == "pending" else migrations,
            "migrations": migrations if migrations in {_OK, "pending"} else "unknown",
            "database": database,
            "directory": directory,
            "valkey": valkey,
        }


async def _state(probe: Awaitable[str]) -> str:
    try:
        async with asyncio.timeout(_PROBE_TIMEOUT):
            return await probe
    except TimeoutError:
        return "timeout"
    except HarkaError:
        return "down"


async def _migrations(runtime: Runtime) -> str:
    return "pending" if await readiness.pending_control_migrations(runtime.catalog) else _OK


async def _database(runtime: Runtime) -> str:
    await readiness.ping(runtime.databases, "app", seconds=_PROBE_TIMEOUT)
    return _OK


async def _valkey(runtime: Runtime) -> str:
    return _OK if await runtime.cache.ping() else "down"


def _json(status: int, body: object) -> Response:
    return Response(json_bytes(body), status, media_type="application/json")
