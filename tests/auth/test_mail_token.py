import pytest

from harka.auth.mail_token import open_unsubscribe_token, unsubscribe_token
from harka.ids import new_id

KEY, TENANT, USER = bytes(32), new_id(), new_id()


def test_it_says_who_and_what_of_one_tenant() -> None:
    token = unsubscribe_token(KEY, TENANT, USER, "certificates")
    assert open_unsubscribe_token(KEY, TENANT, token) == (USER, "certificates")
    assert open_unsubscribe_token(KEY, new_id(), token) is None
    assert open_unsubscribe_token(bytes([1] * 32), TENANT, token) is None


@pytest.mark.parametrize(
    "text", ["", "hu_", "hu_%", "hu_A", "hu_ä", "hp_" + "A" * 60, "hu_" + "A" * 60, "x" * 9999]
)
def test_what_is_none_opens_nothing(text: str) -> None:
    assert open_unsubscribe_token(KEY, TENANT, text) is None


def test_no_character_can_be_another() -> None:
    token = unsubscribe_token(KEY, TENANT, USER, "certificates")
    for place in range(3, len(token) - 1):
        forged = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
        assert open_unsubscribe_token(KEY, TENANT, forged) is None
