import pytest

from doors import Echo, client, scoped
from harka.web.middleware.security_headers import SecurityHeadersMiddleware

WANTED = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


async def test_every_answer_carries_them() -> None:
    async with client(scoped(SecurityHeadersMiddleware(Echo()))) as http:
        answer = await http.get("/")
    assert WANTED.items() <= dict(answer.headers).items()
    assert "strict-transport-security" not in answer.headers


async def test_a_page_keeps_its_own() -> None:
    page = Echo((b"Content-Security-Policy", b"default-src 'self'"), (b"cache-control", b"no-cache"))
    async with client(scoped(SecurityHeadersMiddleware(page))) as http:
        answer = await http.get("/")
    assert answer.headers.get_list("content-security-policy") == ["default-src 'self'"]
    assert answer.headers.get_list("cache-control") == ["no-cache"]


async def test_no_origin_is_granted_anything() -> None:
    async with client(scoped(SecurityHeadersMiddleware(Echo()))) as http:
        answer = await http.get("/", headers={"origin": "https://evil.example"})
    assert [name for name in answer.headers if name.startswith("access-control-")] == []


@pytest.mark.parametrize(
    ("address", "base_url", "secure"),
    [
        ("203.0.113.9", "https://a.harka.localhost", True),
        ("10.0.0.1", "http://a.harka.localhost", True),
        ("203.0.113.9", "http://a.harka.localhost", False),
    ],
    ids=["tls", "proxy-says-tls", "spoofed"],
)
async def test_transport_security_is_asked_for_where_tls_was_used(
    address: str, base_url: str, *, secure: bool
) -> None:
    app = scoped(SecurityHeadersMiddleware(Echo()), trusted_proxies="10.0.0.0/8")
    async with client(app, address=address, base_url=base_url) as http:
        answer = await http.get("/", headers={"x-forwarded-proto": "https"})
    assert ("strict-transport-security" in answer.headers) is secure
