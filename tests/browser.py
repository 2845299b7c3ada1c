"""A real browser without a screen: Chromium, asked through chromedriver in the W3C's WebDriver protocol.

Only what the tests need of it. Names of hosts lead nowhere but to this machine, so a page that asks anybody
else has an error in its console.
"""

import asyncio
import contextlib
import os
import re
import shutil
from collections.abc import AsyncIterator
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import httpx2

PATIENCE: Final = 60.0  # seconds; a busy machine has made a browser's start take twenty
DRIVER: Final = shutil.which("chromedriver")
_NO: Final = {"", "0", "false", "no"}
_ELEMENT: Final = "element-6066-11e4-a52e-4f735466cecf"  # the protocol's name for a reference to an element
_OPTIONS: Final = (
    "--headless",
    "--no-sandbox",  # it shows our own pages, and neither root nor a container has one
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-proxy-server",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE *.localhost, EXCLUDE 127.0.0.1",
)


def is_required() -> bool:
    """Whether a missing browser is a failure: what CI skips, nobody tests."""
    return any(os.environ.get(name, "").lower() not in _NO for name in ("CI", "HARKA_REQUIRE_CHROMIUM"))


class Browser:
    """One window. `selector`: CSS, of an element that must be there."""

    def __init__(self, http: httpx2.AsyncClient, session: str) -> None:
        self._http = http
        self._session = session

    async def go(self, address: str) -> None:
        """Return when the page is loaded; its console begins empty."""
        await self.console()
        await self.evaluate("void (window.isLeft = true)")
        await self._post("url", url=address)
        # where scripts are forbidden the driver may answer before the page is there
        await self.until("!window.isLeft && document.readyState === 'complete'")

    async def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression."""
        return await self._post("execute/sync", script=f"return {expression}", args=[])

    async def until(self, expression: str) -> Any:
        """The value of a JavaScript expression, as soon as it is true."""
        async with asyncio.timeout(PATIENCE):
            while not (value := await self.evaluate(expression)):  # noqa: ASYNC110 - the browser's to know
                await asyncio.sleep(0.02)
        return value

    async def text(self, selector: str) -> str:
        """As a reader sees it."""
        return str(await self._of(selector, "GET", "text"))

    async def click(self, selector: str) -> None:
        await self._of(selector, "POST", "click")

    async def type(self, text: str, *, into: str) -> None:
        """Key by key."""
        await self._of(into, "POST", "value", text=text)

    async def own_passkeys(self) -> None:
        """From now on it has a device that makes them, and whose owner always puts a finger on it."""
        await self._post(
            "webauthn/authenticator",
            protocol="ctap2",
            transport="internal",
            hasResidentKey=True,
            hasUserVerification=True,
            isUserConsenting=True,
            isUserVerified=True,
        )

    async def forbid_scripts(self) -> None:
        """From now on pages run none of their own; what is asked here is still evaluated."""
        command = "Emulation.setScriptExecutionDisabled"
        await self._post("goog/cdp/execute", cmd=command, params={"value": True})

    async def console(self) -> list[str]:
        """What it said since it was last asked: errors, refused resources, breaches of the policy."""
        entries = await self._post("se/log", type="browser")
        return [f"{entry['level']} {entry['message']}" for entry in entries]

    async def _of(self, selector: str, method: str, what: str, **parameters: Any) -> Any:
        """Ask an element; the next page's, where that came since it was found."""
        async with asyncio.timeout(PATIENCE):
            while True:
                found = await self._post("element", using="css selector", value=selector)
                address = f"/session/{self._session}/element/{found[_ELEMENT]}/{what}"
                body = parameters if method == "POST" else None
                answer = await self._http.request(method, address, json=body)
                if answer.status_code != HTTPStatus.NOT_FOUND or not _is_stale(answer):
                    return _value(answer)
                # the browser tells nobody when the next page is there
                await asyncio.sleep(0.02)

    async def _post(self, path: str, **parameters: Any) -> Any:
        address = path if path.startswith("/") else f"/session/{self._session}/{path}"
        return _value(await self._http.post(address, json=parameters))


@contextlib.asynccontextmanager
async def open_browser(profile: Path) -> AsyncIterator[Browser]:
    """`profile`: an empty directory."""
    wanted = {
        "browserName": "chrome",
        "goog:chromeOptions": {"args": [*_OPTIONS, f"--user-data-dir={profile}"]},
        "goog:loggingPrefs": {"browser": "ALL"},
    }
    async with _driver(profile) as address, httpx2.AsyncClient(base_url=address, timeout=PATIENCE) as http:
        made = _value(await http.post("/session", json={"capabilities": {"alwaysMatch": wanted}}))
        try:
            yield Browser(http, made["sessionId"])
        finally:
            await http.delete(f"/session/{made['sessionId']}")


@contextlib.asynccontextmanager
async def _driver(home: Path) -> AsyncIterator[str]:
    assert DRIVER, "there is no chromedriver: apt-get install chromium chromium-driver"
    process = await asyncio.create_subprocess_exec(
        *(DRIVER, "--port=0"),
        env={**os.environ, "HOME": str(home)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(PATIENCE):
            port = None
            while port is None:
                line = (await process.stdout.readline()).decode()
                assert line, "chromedriver ended"
                port = re.search(r"started successfully on port (\d+)", line)
        yield f"http://127.0.0.1:{port[1]}"
    finally:
        process.terminate()
        await process.wait()


def _is_stale(answer: httpx2.Response) -> bool:
    return bool(answer.json()["value"]["error"] == "stale element reference")


def _value(answer: httpx2.Response) -> Any:
    value = answer.json()["value"]
    assert answer.status_code == 200, value
    return value
