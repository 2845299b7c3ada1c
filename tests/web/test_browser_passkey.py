"""A passkey as a person has it: made and used in a real browser, with the browser's own device."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from browser import Browser, open_browser
from entering import PASSWORD, give_password
from node import install
from school import School, school

__all__ = ["school"]


@pytest.fixture(scope="module")
async def browser(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Browser]:
    async with open_browser(tmp_path_factory.mktemp("profile")) as opened:
        await opened.own_passkeys()
        yield opened


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The source of axe-core."""
    folder = install(Path(__file__).parent / "axe", tmp_path_factory.mktemp("axe"))
    return (folder / "node_modules" / "axe-core" / "axe.min.js").read_text()


async def test_a_person_makes_a_passkey_comes_in_by_it_and_takes_it_away(
    browser: Browser, school: School, live_server: Any, axe: str
) -> None:
    await give_password(school, school.learner)
    address = f"http://{school.host}:{live_server.settings.port}"
    await browser.go(f"{address}/auth/sign-in?next=/auth/passkeys")
    await browser.type(school.learner.email, into="#email")
    await browser.type(PASSWORD, into="#password")
    await browser.click("form button")
    await browser.until("location.pathname === '/auth/passkeys' && !document.getElementById('add').hidden")
    await browser.type("My phone", into="#name")
    await browser.type("a wrong one", into="#password")
    await browser.click("#add button")
    await browser.until("!document.getElementById('add-failure').hidden")
    assert await browser.text("#add-failure") == "This is not the password."
    await browser.evaluate("void (document.getElementById('password').value = '')")
    await browser.type(PASSWORD, into="#password")
    await browser.click("#add button")
    await browser.until(
        "document.querySelector('.passkey')?.querySelector('[name=name]').value === 'My phone'"
    )
    run = "axe.run().then((found) => { window.broken = {rules: found.violations.map((each) => each.id)}; })"
    await browser.evaluate(f"void (() => {{ {axe}; {run} }})()")
    assert await browser.until("window.broken") == {"rules": []}

    await browser.go(f"{address}/auth/sign-out")
    await browser.click("form button")
    await browser.until("location.pathname === '/auth/sign-in' && !document.getElementById('passkey').hidden")
    await browser.click("#passkey")
    await browser.until("location.pathname === '/dashboard'")
    await browser.go(f"{address}/auth/passkeys")
    assert await browser.console() == []
    await browser.click(".passkey button[name=remove]")
    await browser.until("document.readyState === 'complete' && !document.querySelector('.passkey')")

    await browser.go(f"{address}/auth/sign-out")
    await browser.click("form button")
    await browser.until("location.pathname === '/auth/sign-in' && !document.getElementById('passkey').hidden")
    await browser.click("#passkey")
    await browser.until("!document.getElementById('passkey-failure').hidden")
    assert await browser.text("#passkey-failure") == "This passkey is not good here."
