"""The pages as a person has them: in a real browser, from a real server."""

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from browser import Browser, open_browser
from harka.learning import progress
from harka.tenancy.permission import Permission
from school import School, school, until

__all__ = ["school"]

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
