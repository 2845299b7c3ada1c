"""Every way in by a page, in a real browser that runs no scripts."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from browser import Browser, open_browser
from entering import PASSWORD, give_password
from harka import clock
from harka.auth import totp
from harka.learning import invitation, password
from harka.learning.invitation import InvitationDraft
from harka.repositories.sso import SsoConnection
from harka.repositories.user import User
from provider import Provider
from school import School, school
from sso_school import connection, give_second_factor, issuer, provider

__all__ = ["connection", "issuer", "provider", "school"]

FAILURE = "p.failure:not([hidden])"
NEW = "mauve tundra gavel 9"


@pytest.fixture(scope="module")
async def browser(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Browser]:
    async with open_browser(tmp_path_factory.mktemp("profile")) as opened:
        await opened.forbid_scripts()
        yield opened


@pytest.fixture
def address(school: School, live_server: Any) -> str:
    return f"http://{school.host}:{live_server.settings.port}"


async def fill(browser: Browser, **fields: str) -> None:
    """Type into these fields of the page's form, and send it."""
    for name, text in fields.items():
        await browser.evaluate(f"void (document.getElementById('{name}').value = '')")
        await browser.type(text, into=f"#{name}")
    await browser.click("form button[type=submit]")


async def arrived(browser: Browser, path: str) -> None:
    await browser.until(f"document.readyState === 'complete' && location.pathname === '{path}'")


async def told(browser: Browser, selector: str, text: str) -> None:
    """It is shown there, once the page that the form leads to has come."""
    await browser.until(f"document.querySelector('{selector}')?.textContent.includes('{text}')")


async def sign_in(browser: Browser, address: str, person: User, typed: str = PASSWORD, **more: str) -> None:
    await browser.go(f"{address}/auth/sign-in?next=/auth/sign-out")
    await fill(browser, email=person.email, password=typed, **more)


async def sign_out(browser: Browser) -> None:
    await arrived(browser, "/auth/sign-out")
    await browser.click("form button")
    await arrived(browser, "/auth/sign-in")


async def test_a_person_signs_in_and_out(browser: Browser, school: School, address: str) -> None:
    await give_password(school, school.learner)
    await sign_in(browser, address, school.learner, "wrong")
    await browser.until(f"document.querySelector('{FAILURE}')")
    # what a script would have shown
    assert await browser.evaluate("document.getElementById('passkey').hidden") is True
    await fill(browser, password=PASSWORD)
    await told(browser, "main", school.learner.email)
    await sign_out(browser)


async def test_a_second_factor_is_shown(browser: Browser, school: School, address: str) -> None:
    await give_password(school, school.owner)
    secret = await give_second_factor(school, school.owner)
    await sign_in(browser, address, school.owner)
    await told(browser, FAILURE, "code")
    code = totp.code_at(secret, int(clock.now().timestamp()) // totp.STEP_SECONDS)
    await fill(browser, password=PASSWORD, code=code)
    await sign_out(browser)


async def test_a_link_sets_a_password(browser: Browser, school: School, address: str) -> None:
    await browser.go(f"{address}/auth/password/reset")
    await fill(browser, email=school.other.email)
    await browser.until("document.querySelector('[role=status]')")
    async with school.work() as work:
        made = await password.allow_reset(work, school.other.id)
    await browser.go(f"{address}/auth/reset?token={made.token}")
    await fill(browser, password="password1234")
    await told(browser, FAILURE, "among the first")
    await fill(browser, password=NEW)
    await arrived(browser, "/auth/sign-in")
    await sign_in(browser, address, school.other, NEW)
    await sign_out(browser)


async def test_an_invitation_is_accepted(browser: Browser, school: School, address: str) -> None:
    async with school.work() as work:
        invited = await invitation.invite(work, InvitationDraft(email="plain@example.com"))
    await browser.go(f"{address}/auth/invitation?token={invited.token}")
    await fill(browser, name="Penny Plain", password=NEW)
    await arrived(browser, "/auth/sign-in")
    await browser.go(f"{address}/auth/sign-in?next=/auth/sign-out")
    await fill(browser, email="plain@example.com", password=NEW)
    await sign_out(browser)


async def test_a_link_leads_to_the_provider(
    browser: Browser, school: School, address: str, connection: SsoConnection, provider: Provider
) -> None:
    await browser.go(f"{address}/auth/sign-in")
    await browser.click("a[href*='/start']")
    await browser.until(f"location.href.startsWith('{provider.issuer}/authorize?')")
