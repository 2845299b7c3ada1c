from datetime import timedelta
from typing import Any

import pytest

from harka.web.cookie import form_cookie, form_value, session_cookie
from harka.web.middleware.request_scope import RequestRecord, RequestScope


def scope(scheme: str, *headers: tuple[bytes, bytes], trusted: bool = False) -> dict[str, Any]:
    request = RequestScope(id="r", deadline=0.0, trusted=trusted, record=RequestRecord())
    return {"scheme": scheme, "headers": [*headers], "harka": request}


def test_over_tls_a_cookie_is_of_its_host_alone() -> None:
    behind = scope("http", (b"x-forwarded-proto", b"https"), trusted=True)
    for at in (scope("https"), behind):
        name, value = session_cookie(at, "token", timedelta(hours=1))
        assert (name, value) == (
            b"set-cookie",
            b"__Host-harka=token; Path=/; HttpOnly; SameSite=Lax; Max-Age=3600; Secure",
        )
    pretended = scope("http", (b"x-forwarded-proto", b"https"))
    assert (
        session_cookie(pretended, "", timedelta(0))[1] == b"harka=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0"
    )


def test_a_forms_cookie_ends_with_the_browser() -> None:
    _, value = form_cookie(scope("https"), "value")
    assert value == b"__Host-harka-form=value; Path=/; HttpOnly; SameSite=Lax; Secure"


@pytest.mark.parametrize(
    ("cookies", "found"),
    [
        ([b"a=1; harka-form=value; b=2"], "value"),
        ([b"a=1", b"harka-form=value"], "value"),
        ([b"__Host-harka-form=value"], ""),
        ([b"xharka-form=value"], ""),
        ([b"\xff\x00;;=;"], ""),
        ([], ""),
    ],
)
def test_it_is_found_among_others(cookies: list[bytes], found: str) -> None:
    assert form_value(scope("http", *((b"cookie", each) for each in cookies))) == found
