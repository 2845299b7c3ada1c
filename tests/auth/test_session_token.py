import pytest
from hypothesis import given
from hypothesis import strategies as st

from harka.auth.session_token import (
    BrowserToken,
    RefreshToken,
    form_token,
    hashed,
    is_form_token,
    new_browser_token,
    open_browser_token,
    open_refresh_token,
    refresh_token,
)
from harka.ids import new_id

KEY, OTHER_KEY = b"k" * 32, b"o" * 32
TENANT, USER, SESSION = new_id(), new_id(), new_id()
BROWSER = new_browser_token(KEY, TENANT, USER, SESSION)
REFRESH = refresh_token(KEY, TENANT, SESSION, 7)


def test_a_token_says_whose_it_is() -> None:
    assert open_browser_token(KEY, BROWSER.encode()) == BrowserToken(
        TENANT, USER, SESSION, hashed(BROWSER.encode())
    )
    assert open_refresh_token(KEY, REFRESH.encode()) == RefreshToken(TENANT, SESSION, 7)
    assert new_browser_token(KEY, TENANT, USER, SESSION) != BROWSER


@pytest.mark.parametrize("text", [BROWSER, REFRESH], ids=["browser", "refresh"])
def test_of_another_key_another_kind_or_another_spelling_it_says_nothing(text: str) -> None:
    for opened in (open_browser_token, open_refresh_token):
        assert opened(OTHER_KEY, text.encode()) is None
        for wrong in (text[:-1], text + "A", text + "=", text[3:], "hk_" + text[3:], text.swapcase()):
            assert opened(KEY, wrong.encode()) is None
    assert open_browser_token(KEY, REFRESH.encode()) is None
    assert open_refresh_token(KEY, BROWSER.encode()) is None


def test_every_character_counts() -> None:
    for at in range(3, len(BROWSER)):
        changed = BROWSER[:at] + ("A" if BROWSER[at] != "A" else "B") + BROWSER[at + 1 :]
        assert open_browser_token(KEY, changed.encode()) is None


@given(st.binary(max_size=200))
def test_rubbish_is_nobodys(text: bytes) -> None:
    for prefix in (b"", b"hs_", b"hr_"):
        assert open_browser_token(KEY, prefix + text) is None
        assert open_refresh_token(KEY, prefix + text) is None


def test_a_forms_token_is_of_its_cookie_and_organization() -> None:
    token = form_token(KEY, TENANT, "cookie")
    assert is_form_token(KEY, TENANT, "cookie", token)
    assert not is_form_token(KEY, TENANT, "another", token)
    assert not is_form_token(KEY, new_id(), "cookie", token)
    assert not is_form_token(OTHER_KEY, TENANT, "cookie", token)
    assert not is_form_token(KEY, TENANT, "cookie", "é")
