import pytest

from harka.auth import password as passwords
from harka.auth.password import (
    LONGEST,
    SHORTEST,
    accept_password,
    hash_password,
    is_guessable,
    is_outdated,
    verify_password,
)
from harka.errors import ValidationError

GOOD = "vexed kiln plumage 4"


def test_a_password_is_kept_as_argon2id_with_the_parameters_of_the_house() -> None:
    hashed = hash_password(GOOD)
    assert hashed.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert hashed != hash_password(GOOD)
    assert verify_password(hashed, GOOD)
    assert not verify_password(hashed, GOOD + " ")
    assert not verify_password(None, GOOD)
    assert not verify_password("$argon2id$broken", GOOD)
    assert not verify_password(hashed, "\ud800" * 12)


def test_what_nobodys_password_is_compared_with_takes_as_long_as_any() -> None:
    assert not is_outdated(passwords._NOBODYS)
    assert not verify_password(None, "nobody has this password")


def test_what_looks_the_same_is_the_same() -> None:
    assert verify_password(hash_password("cafe\u0301 kiln plumage"), "caf\u00e9 kiln plumage")


def test_a_hash_of_other_parameters_is_outdated() -> None:
    assert not is_outdated(hash_password(GOOD))
    assert is_outdated("$argon2id$v=19$m=4096,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$Zm9yIHRoZSB0ZXN0IG9ubHkgISEhIQ")


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "short",
        "x" * (SHORTEST - 1),
        "kiln" * 40,
        "kiln " * (LONGEST * 3),
        "vexed kiln\0plumage",
        "vexed kiln plumage\n",
        "vexed kiln \ud800 plumage",
        "password1234",
        "P@ssw0rd2024!",
        "Passw0rdPassw0rd",
        "qwertyuiop123",
        "1qaz2wsx3edc",
        "1qazxsw23edc",
        "zaq12wsxcde3",
        "qazwsxedcrfv",
        "letmeinplease",
        "manchesterunited",
        "LinkedIn2012",
        "christopher1",
        "tinkerbell12",
        "123456789012",
        "aaaaaaaaaaaaaaa",
        "Summer-2026!!",
        "Welcome!Welcome!",
        "iloveyou12345",
        "correcthorsebatterystaple",
        "Lovelace-1815!",
        "ada.lovelace2026",
        "Analytical2026!!",
    ],
)
def test_what_is_short_or_tried_first_is_refused(wrong: str) -> None:
    with pytest.raises(ValidationError) as caught:
        accept_password(wrong, ("Ada Lovelace", "ada.lovelace@example.com", "Analytical"), "newPassword")
    assert caught.value.field == "newPassword"


@pytest.mark.parametrize(
    "good",
    [GOOD, "purple tiger summer coffee", "zX9#mQ2$vL7!", "пароль на каждый день", "😀🎈🚀🧊🪁🥁🎷🪗🎻🥝🍉🍇"],
)
def test_what_is_long_and_of_no_ones_list_is_accepted(good: str) -> None:
    assert accept_password(good, ("Ada Lovelace",)) == good


def test_the_list_is_read_as_words() -> None:
    assert len(passwords._common()) > 400
    assert is_guessable("dragon")
    assert not is_guessable(GOOD)
