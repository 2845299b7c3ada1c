"""Who is refused and comes again with the same head: known, from there, and for as long as it holds."""

import msgspec
import pytest

from harka import clock
from harka.web.callers import Callers
from plain_posts import learnt, plain_post
from school import School, school

__all__ = ["school"]

BODY = b'{"query": "{ viewer { kind } }"}'


async def test_a_head_that_was_refused_is_known_again_from_there_alone(
    school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    callers, request, here = Callers(school.runtime), await plain_post(school, BODY), ("198.51.100.1", 7)
    callers.forget_outdated()
    assert callers.known(request, here) is None
    caller = learnt(callers, request)
    assert callers.known(request, here) is caller
    others = [
        callers.known(request, ("198.51.100.2", 7)),
        callers.known(request, None),
        callers.known(request.replace(b"x-api-key: ", b"x-api-key: x"), here),
        callers.known(request[:-1], here),
        callers.known(request + b"x", here),
        callers.known(request + request, here),
        callers.known(request.replace(b"\r\n\r\n", b"\r\nx: " + b"x" * 2048 + b"\r\n\r\n"), here),
        callers.known(BODY, here),
        callers.known(b"", here),
    ]
    assert others == [None] * len(others)
    began = clock.monotonic()
    for seconds, expected in ((9.0, caller), (11.0, None)):
        monkeypatch.setattr(clock, "monotonic", lambda seconds=seconds: began + seconds)
        callers.forget_outdated()
        assert callers.known(request, here) is expected
    again = learnt(callers, request)
    assert callers.known(request, here) is again


async def test_what_a_proxy_names_is_another_head_each_time_and_is_not_kept(school: School) -> None:
    runtime = school.runtime
    settings = msgspec.structs.replace(runtime.settings, trusted_proxies="198.51.100.1/32")
    callers = Callers(msgspec.structs.replace(runtime, settings=settings))
    request = await plain_post(school, BODY, "x-request-id: of-the-proxy", "x-forwarded-proto: https")
    caller = learnt(callers, request)
    answer = caller.refusal(b"")
    assert answer.count(b"of-the-proxy") == 2
    assert b"strict-transport-security" in answer
    assert callers.known(request, ("198.51.100.1", 1)) is None


async def test_for_how_long_they_wait_is_told_by_the_head(school: School) -> None:
    callers, timeout = Callers(school.runtime), school.runtime.settings.request_timeout
    seen = [
        learnt(callers, await plain_post(school, BODY, *more))
        for more in (
            (),
            ("x-request-deadline: 0.25",),
            ("x-request-deadline: 3600",),
            ("x-request-deadline: soon",),
            ("accept: text/event-stream",),
        )
    ]
    assert [caller.within for caller in seen] == [timeout, 0.25, timeout, 0.0, 0.0]
