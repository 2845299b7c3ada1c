import pytest

from doors import Echo, client
from harka.errors import MethodNotAllowedError
from harka.web.middleware.methods import Methods


async def test_the_methods_named_pass() -> None:
    async with client(Methods(Echo(), "GET", "HEAD")) as http:
        assert [(await http.get("/")).status_code, (await http.head("/")).status_code] == [200, 200]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "TRACE", "BREW"])
async def test_others_are_refused_and_told_which_pass(method: str) -> None:
    async with client(Methods(Echo(), "GET", "HEAD")) as http:
        with pytest.raises(MethodNotAllowedError) as refused:
            await http.request(method, "/")
    assert refused.value.allow == "GET, HEAD, OPTIONS"


async def test_a_preflight_is_answered_without_granting_anything() -> None:
    preflight = {"origin": "https://evil.example", "access-control-request-method": "POST"}
    async with client(Methods(Echo(), "GET", "POST")) as http:
        answer = await http.options("/", headers=preflight)
    assert (answer.status_code, answer.headers["allow"]) == (204, "GET, POST, OPTIONS")
    assert [name for name in answer.headers if name.startswith("access-control-")] == []
