import pytest

from harka.errors import ForbiddenError
from harka.web.middleware.own_page import require_own_page

HOST = (b"host", b"acme.example:8000")


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [(b"origin", b"https://acme.example:8000")],
        [(b"origin", b"https://ACME.example:8000")],
        [(b"sec-fetch-site", b"same-origin")],
        [(b"sec-fetch-site", b"none")],
        [(b"sec-fetch-site", b"cross-site"), (b"sec-fetch-mode", b"navigate")],
    ],
)
def test_ones_own_page_a_program_and_a_link_may(headers: list[tuple[bytes, bytes]]) -> None:
    require_own_page([HOST, *headers], trusted=False)


@pytest.mark.parametrize(
    "headers",
    [
        [(b"origin", b"null")],
        [(b"origin", b"")],
        [(b"origin", b"https://acme.example")],
        [(b"origin", b"https://acme.example:8000.evil.example")],
        [(b"origin", b"https://other.example:8000"), (b"sec-fetch-mode", b"navigate")],
        [(b"sec-fetch-site", b"same-site"), (b"sec-fetch-mode", b"cors")],
        [(b"sec-fetch-site", b"cross-site"), (b"sec-fetch-mode", b"no-cors")],
    ],
)
def test_another_page_may_not(headers: list[tuple[bytes, bytes]]) -> None:
    with pytest.raises(ForbiddenError):
        require_own_page([HOST, *headers], trusted=False)


def test_behind_a_trusted_proxy_the_host_is_the_one_that_was_asked_for() -> None:
    headers = [
        (b"host", b"10.0.0.1"),
        (b"x-forwarded-host", b"acme.example"),
        (b"origin", b"https://acme.example"),
    ]
    require_own_page(headers, trusted=True)
    with pytest.raises(ForbiddenError):
        require_own_page(headers, trusted=False)
