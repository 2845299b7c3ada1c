import pytest

from doors import Echo, client, scoped
from harka import clock
from harka.errors import BadRequestError
from harka.web.middleware.deadline import DeadlineMiddleware


@pytest.mark.parametrize(("given", "seconds"), [("2", 2.0), ("0.25", 0.25), ("60", 5.0), ("999999999", 5.0)])
async def test_a_client_can_only_hurry(given: str, seconds: float) -> None:
    echo = Echo()
    async with client(scoped(DeadlineMiddleware(echo), timeout=5.0)) as http:
        await http.get("/", headers={"x-request-deadline": given})
    left = echo.scope["harka"].deadline - clock.monotonic()
    assert seconds - 0.2 < left <= seconds


async def test_without_one_the_deadline_is_the_servers() -> None:
    echo = Echo()
    async with client(scoped(DeadlineMiddleware(echo), timeout=5.0)) as http:
        await http.get("/")
    assert echo.scope["harka"].deadline - clock.monotonic() > 4.0


@pytest.mark.parametrize(
    "given", ["", "0", "0.0", "-1", "soon", "1e3", "inf", "nan", "1,5", "1 ", "9" * 10, "1.", "\u0661", "1s"]
)
async def test_what_is_no_time_is_refused(given: str) -> None:
    async with client(scoped(DeadlineMiddleware(Echo()))) as http:
        with pytest.raises(BadRequestError, match="X-Request-Deadline"):
            await http.get("/", headers={"x-request-deadline": given.encode()})


async def test_two_are_none() -> None:
    async with client(scoped(DeadlineMiddleware(Echo()))) as http:
        with pytest.raises(BadRequestError):
            await http.get("/", headers=[("x-request-deadline", "1"), ("x-request-deadline", "2")])
