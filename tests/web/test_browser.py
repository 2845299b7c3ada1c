"""The pages as a person has them: in a real browser, from a real server."""

import struct
import zlib
from base64 import b64encode
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx2
import pytest

from browser import Browser, open_browser
from entering import PASSWORD, give_password
from harka.ids import NodeKind
from harka.learning import branding, progress, sso
from harka.learning.branding import BrandingChanges
from harka.learning.sso_directory import DirectoryDraft
from harka.learning.sso_draft import SsoDraft
from harka.repositories.sso import SsoConnection
from harka.tenancy.permission import Permission
from node import install
from provider import Provider
from school import School, school, until
from sso_school import connection, give_second_factor, issuer, provider, working

__all__ = ["connection", "issuer", "provider", "school"]

FIGURES = (
    "Object.fromEntries([...document.querySelectorAll('#figures .card')].map("
    "(card) => [card.querySelector('dt').textContent, card.querySelector('dd').textContent]))"
)
COURSES_SHOWN = "document.querySelectorAll('#courses li').length"
KEPT = "[sessionStorage.length, localStorage.length, document.cookie]"


@pytest.fixture(scope="module")
async def browser(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Browser]:
    async with open_browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture
def address(school: School, live_server: Any) -> str:
    return f"http://{school.host}:{live_server.settings.port}"


@pytest.fixture
async def key(school: School, live_server: Any) -> str:
    """May everything; the server knows it."""
    headers = await school.headers(tuple(Permission))
    asked = {"query": "{ viewer { kind } }"}
    async with httpx2.AsyncClient(base_url=live_server.address, headers=headers) as client:

        async def is_known() -> bool:
            return (await client.post("/graphql", json=asked)).status_code == 200

        await until(is_known)
    return headers["x-api-key"]


async def sign_in(browser: Browser, key: str) -> None:
    # shown once nobody is found to be signed in
    await browser.until("!document.getElementById('sign-in').hidden")
    await browser.type(key, into="#key")
    await browser.click("#sign-in button")


async def test_the_dashboard_shows_the_figures_of_whoever_signs_in(
    browser: Browser, school: School, address: str, key: str
) -> None:
    await browser.go(address)
    assert await browser.evaluate("location.pathname") == "/dashboard"
    await sign_in(browser, key)
    await browser.until(COURSES_SHOWN)
    assert await browser.text("#organization") == school.organization.name
    assert await browser.text("#plan") == "Enterprise plan"
    assert await browser.evaluate(FIGURES) == {
        "Active people": str(len(school.people)),
        "Courses": str(len(school.courses) + 1),
        "Learning now": str(len(school.enrollments)),
        "Completed": "0",
    }
    shown = await browser.evaluate("[...document.querySelectorAll('.course')].map((each) => each.innerText)")
    assert school.draft is not None
    for course in (*school.courses, school.draft):
        (entry,) = [text for text in shown if course.code in text]
        enrolled = sum(each.course_id == course.id for each in school.enrollments)
        assert course.title in entry
        assert f"{enrolled} enrolled" in entry
        assert entry.endswith(course.status)
    assert await browser.console() == []


async def test_the_dashboard_shows_progress_as_it_happens(
    browser: Browser, school: School, address: str, key: str
) -> None:
    course = school.courses[0]
    enrollment = school.enrollment_of(school.learner, course)
    await browser.go(f"{address}/dashboard")
    await sign_in(browser, key)
    await browser.until(COURSES_SHOWN)
    codes = await browser.evaluate(
        "[...document.querySelectorAll('.course .code')].map((each) => each.textContent)"
    )
    await browser.click(f"#courses li:nth-child({codes.index(course.code) + 1}) .course")
    await browser.until("document.getElementById('live').textContent === 'live'")
    async with school.work() as work:
        lessons = school.lessons[course.id]
        await progress.record(work, enrollment_id=enrollment.id, lesson_id=lessons[0].id, fraction=1.0)
    await browser.until("document.querySelector('#learners li .percent')?.textContent === '25 %'")
    assert await browser.text("#learners li .name") == school.learner.name
    assert await browser.console() == []


async def test_a_key_that_is_not_valid_is_told_and_forgotten(browser: Browser, address: str) -> None:
    await browser.go(f"{address}/dashboard")
    await sign_in(browser, "hk_abcdef123456_Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmF")
    await browser.until("!document.getElementById('failure').hidden")
    assert await browser.text("#failure") == "This API key is not valid here."
    assert await browser.evaluate("document.getElementById('overview').hidden")
    assert await browser.evaluate(KEPT) == [0, 0, ""]
    (refused,) = await browser.console()
    assert "401" in refused


async def test_whoever_signs_out_leaves_nothing_behind(browser: Browser, address: str, key: str) -> None:
    await browser.go(f"{address}/dashboard")
    await sign_in(browser, key)
    await browser.until(COURSES_SHOWN)
    await browser.click("#sign-out")
    assert await browser.evaluate(FIGURES) == {}
    assert await browser.evaluate(KEPT) == [0, 0, ""]
    assert await browser.evaluate("document.getElementById('key').value") == ""


async def test_graphiql_runs_under_its_policy_and_says_what_it_needs(browser: Browser, address: str) -> None:
    await browser.go(f"{address}/graphql")
    # its own script ran, which the policy allows by its hash, and found the others missing: nothing here
    # leads to their server
    told = await browser.until(
        "!document.getElementById('message').innerText.startsWith('Loading') "
        "&& document.getElementById('message').innerText"
    )
    assert "could not be loaded from unpkg.com" in told
    said = await browser.console()
    assert len(said) == 4
    assert all("https://unpkg.com/" in line and "net::ERR_NAME_NOT_RESOLVED" in line for line in said), said


# labels, a language, a title and one heading; what is typed in names itself to whoever fills it in
ACCESSIBLE = """(() => {
  const fields = [...document.querySelectorAll("input:not([type=hidden])")];
  const contrast = (a, b) => { const [x, y] = [a, b].map(luminance).sort((m, n) => n - m);
    return (x + 0.05) / (y + 0.05); };
  const luminance = (color) => color.match(/\\d+/g).slice(0, 3).map(Number)
    .map((c) => c / 255).map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const button = getComputedStyle(document.querySelector("button"));
  return [fields.every((each) => each.labels.length === 1 && each.autocomplete),
    document.documentElement.lang,
    document.querySelectorAll("h1").length, document.querySelectorAll("main").length,
    contrast(button.color, button.backgroundColor) >= 4.5];
})()"""


async def test_a_person_signs_in_by_the_page_and_the_dashboard_knows_them(
    browser: Browser, school: School, address: str
) -> None:
    await give_password(school, school.owner)
    await browser.go(f"{address}/auth/sign-in")
    assert await browser.evaluate("document.title") == f"Sign in \N{EN DASH} {school.organization.name}"
    assert await browser.evaluate(ACCESSIBLE) == [True, "en", 1, 1, True]
    await browser.type(school.owner.email, into="#email")
    await browser.type("wrong", into="#password")
    await browser.click("form button")
    await browser.until("document.querySelector('[role=alert]')")
    assert await browser.evaluate("document.getElementById('email').value") == school.owner.email
    await browser.type(PASSWORD, into="#password")
    await browser.click("form button")
    await browser.until(COURSES_SHOWN)
    assert await browser.evaluate("location.pathname") == "/dashboard"
    assert await browser.text("#organization") == school.organization.name
    # no script reads the cookie
    assert await browser.evaluate(KEPT) == [0, 0, ""]
    asked = """fetch("/graphql", {method: "POST", headers: {"content-type": "application/json"},
      body: '{"query": "{ viewer { kind } }"}'}).then((answer) => answer.json())
      .then((answer) => { window.told = answer.data.viewer.kind; })"""
    await browser.evaluate(f"void ({asked})")
    assert await browser.until("window.told") == "USER"
    await browser.click("#sign-out")
    await browser.until("location.pathname === '/auth/sign-out' && document.querySelector('form button')")
    await browser.click("form button")
    await browser.until("location.pathname === '/auth/sign-in'")
    await browser.go(f"{address}/dashboard")
    await browser.until("!document.getElementById('sign-in').hidden")


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The source of axe-core."""
    folder = install(Path(__file__).parent / "axe", tmp_path_factory.mktemp("axe"))
    return (folder / "node_modules" / "axe-core" / "axe.min.js").read_text()


async def _directory(school: School) -> str:
    """Where people show a directory their password."""
    asked = DirectoryDraft(base_dn="dc=x")
    draft = SsoDraft(
        name="The Directory", issuer="ldaps://x.example", client_id="cn=x", client_secret="x", directory=asked
    )
    async with working(school) as work:
        made = await sso.tested(work, await sso.create(work, school.runtime.keyring, draft))
    return f"/auth/sso/{school.id(NodeKind.SSO_CONNECTION, made)}/start"


async def _violations(browser: Browser, axe: str) -> list[str]:
    run = "axe.run().then((found) => { window.broken = {rules: found.violations.map((each) => each.id)}; })"
    await browser.evaluate(f"void (() => {{ {axe}; {run} }})()")
    found: list[str] = (await browser.until("window.broken"))["rules"]
    return found


async def test_the_pages_break_no_rule_of_accessibility(
    browser: Browser, school: School, address: str, axe: str
) -> None:
    start = await _directory(school)
    for path in (
        "/auth/sign-in",
        "/auth/reset?token=x",
        "/auth/password/reset",
        "/auth/invitation?token=x",
        "/auth/unsubscribe?token=x",
        "/auth/app?redirect_uri=https://nobody.example",
        start,
        start.replace("start", "end"),
    ):
        await browser.go(f"{address}{path}")
        assert await _violations(browser, axe) == [], path
    assert await browser.console() == []


def _square(side: int) -> str:
    """A picture, in Base64."""

    def chunk(name: bytes, content: bytes) -> bytes:
        named = name + content
        return struct.pack(">I", len(content)) + named + struct.pack(">I", zlib.crc32(named))

    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    rows = (b"\0" + b"\x20\x60\xa0" * side) * side
    parts = (chunk(b"IHDR", head), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b""))
    return b64encode(b"\x89PNG\r\n\x1a\n" + b"".join(parts)).decode()


async def test_the_pages_wear_the_organizations_look(
    browser: Browser, school: School, address: str, axe: str
) -> None:
    """Its colour, its pictures and its name, and nothing of ours; in the palest colour that is accepted."""
    picture = _square(192)
    look = BrandingChanges(logo=picture, favicon=picture, primary_color="#767676")
    async with school.work() as work:
        await branding.save_draft(work, look)
        await branding.publish(work)
    for path in ("/auth/sign-in", "/auth/reset?token=x", "/auth/invitation?token=x"):
        await browser.go(f"{address}{path}")
        button = "getComputedStyle(document.querySelector('form button')).backgroundColor"
        assert await browser.evaluate(button) == "rgb(118, 118, 118)"
        # it was loaded, under the page's policy
        assert await browser.until("document.querySelector('img').naturalWidth") == 192
        assert await browser.evaluate("document.querySelector('img').alt") == school.organization.name
        assert "/files/branding/" in await browser.evaluate("document.querySelector('[rel=icon]').href")
        assert "harka" not in (await browser.text("body")).lower()
        assert await _violations(browser, axe) == [], path
    assert await browser.console() == []


async def test_what_pages_tell_breaks_no_rule_of_accessibility(
    browser: Browser, school: School, address: str, axe: str
) -> None:
    """A wrong password, a code that is asked for, a link on its way, a failed sign-on, and the way out."""
    await give_password(school, school.owner)
    await give_second_factor(school, school.owner)
    await give_password(school, school.learner)
    await _directory(school)
    for email, typed, told in (
        ("nobody@example.com", "wrong", "WRONG"),
        (school.owner.email, PASSWORD, "code"),
    ):
        await browser.go(f"{address}/auth/sign-in")
        await browser.type(email, into="#email")
        await browser.type(typed, into="#password")
        await browser.click("form button")
        await browser.until("document.querySelector('[role=alert]')")
        assert await _violations(browser, axe) == [], told
    await browser.go(f"{address}/auth/password/reset")
    await browser.type("nobody@example.com", into="#email")
    await browser.click("form button")
    await browser.until("document.querySelector('[role=status]')")
    assert await _violations(browser, axe) == []
    failed = await _provider(school)
    await browser.go(f"{address}{failed}/callback?state=x&code=y")
    assert await browser.evaluate("document.querySelectorAll('[role=alert]').length") == 1
    assert await _violations(browser, axe) == []
    await browser.go(f"{address}/auth/sign-in?next=/auth/sign-out")
    await browser.type(school.learner.email, into="#email")
    await browser.type(PASSWORD, into="#password")
    await browser.click("form button")
    await browser.until("location.pathname === '/auth/sign-out'")
    assert await _violations(browser, axe) == []
    await browser.click("form button")
    await browser.until("location.pathname === '/auth/sign-in'")


async def test_the_page_that_links_an_account_breaks_no_rule_of_accessibility(
    browser: Browser, school: School, address: str, axe: str, connection: SsoConnection, provider: Provider
) -> None:
    """Somebody with their address is here: before they show their password, and after a wrong one."""
    await give_password(school, school.learner)
    id_ = school.id(NodeKind.SSO_CONNECTION, connection)
    await browser.go(f"{address}/auth/sso/{id_}/start")
    sent = await browser.evaluate("location.href")
    assert sent.startswith(f"{provider.issuer}/authorize?")
    said = provider.authorize(sent, "linking", email=school.learner.email, email_verified=True)
    await browser.go(f"{address}/auth/sso/{id_}/callback?{urlencode(said)}")
    assert await browser.text("h1") == "Link your account"
    assert await browser.evaluate(ACCESSIBLE) == [True, "en", 1, 1, True]
    assert await _violations(browser, axe) == []
    await browser.type("wrong", into="#password")
    await browser.click("form button")
    await browser.until("document.querySelector('[role=alert]')")
    assert await _violations(browser, axe) == []
    await browser.type(PASSWORD, into="#password")
    await browser.click("form button")
    await browser.until("location.pathname === '/dashboard'")


async def _provider(school: School) -> str:
    """Where somebody comes back to from a provider."""
    draft = SsoDraft(name="A Provider", issuer="https://x.example", client_id="x", client_secret="x")
    async with working(school) as work:
        made = await sso.tested(work, await sso.create(work, school.runtime.keyring, draft))
    return f"/auth/sso/{school.id(NodeKind.SSO_CONNECTION, made)}"


async def test_the_page_that_signs_an_app_in_breaks_no_rule_of_accessibility(
    browser: Browser, school: School, address: str, axe: str
) -> None:
    await give_password(school, school.learner)
    update = (
        "mutation ($input: UpdateOrganizationInput!) "
        "{ updateOrganization(input: $input) { errors { code } } }"
    )
    read = await school.ask("{ organization { version } }", caller=school.owner)
    settings = {"apps": {"redirectUris": ["com.example.app:/in"]}}
    given = {"settings": settings, "version": read.data["organization"]["version"]}
    assert (await school.ask(update, {"input": given}, caller=school.owner)).codes == []
    asked = {
        "response_type": "code",
        "redirect_uri": "com.example.app:/in",
        "code_challenge": "c" * 43,
        "code_challenge_method": "S256",
        "state": "x",
    }

    async def is_known() -> bool:
        await browser.go(f"{address}/auth/app?{urlencode(asked)}")
        return bool(await browser.evaluate("location.pathname === '/auth/sign-in'"))

    await until(is_known)
    await browser.type(school.learner.email, into="#email")
    await browser.type(PASSWORD, into="#password")
    await browser.click("form button")
    await browser.until("location.pathname === '/auth/app'")
    assert "com.example.app" in await browser.text("main")
    assert await _violations(browser, axe) == []
    await browser.go(f"{address}/auth/sign-out")
    await browser.click("form button")
    await browser.until("location.pathname === '/auth/sign-in'")
