"""Passwords: which are accepted, and how they are kept (argon2id, OWASP's parameters).

What is refused is short, or made of what everybody takes first: a word of the list beside this file, which
was put together by hand of words that stand at the top of published lists, with digits, signs and the usual
look-alikes around and in it; the person's own name, address or organization; a row of the keyboard. A list
of whole passwords would be longer and find less: those that are long enough are words with decoration.
"""

import functools
import re
import unicodedata
from collections.abc import Iterable
from importlib.resources import files
from typing import Final

from argon2 import PasswordHasher, Type
from argon2.exceptions import Argon2Error, InvalidHashError

from harka.errors import ValidationError

SHORTEST: Final = 12
LONGEST: Final = 128
"""Characters; more would only be work for us."""
_FEWEST_DIFFERENT: Final = 5
_SHORTEST_OWN: Final = 4
_LONGEST_REST: Final = 3
_MOST_WORDS: Final = 2
_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1, type=Type.ID)
# compared with where nobody has the address, so that both take the same time; no password of theirs
_NOBODYS: Final = (
    "$argon2id$v=19$m=19456,t=2,p=1$rzhjqdMm7R3hcuEt6hBURg$crX/sIGJNCiCuGKtZTRHuVHsi4t+aA5ZPd2FhYv1hO4"
)
_LOOK_ALIKES: Final = str.maketrans("013457@$!|+", "oieastasiit")
_NOT_A_LETTER: Final = re.compile(r"[\W\d_]+")
_NOT_ALLOWED: Final = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_ROWS: Final = (
    "qwertyuiopasdfghjklzxcvbnm",
    "qwertzuiopasdfghjklyxcvbnm",
    "azertyuiopqsdfghjklmwxcvbn",
    "abcdefghijklmnopqrstuvwxyz",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm",
    "1qazxsw23edcvfr45tgbnhy67ujm",
    "zaq12wsxcde34rfvbgt56yhnmju7",
    "qazwsxedcrfvtgbyhnujmikolp",
    "zaqxswcdevfrbgtnhymju",
    "12345678901234567890",
    "09876543210987654321",
)


def accept_password(password: str, about: Iterable[str], field: str = "password") -> str:
    """In the form that is hashed. `about`: what anybody knows of the person: address, name, organization.

    Raise `ValidationError` naming `field`.
    """
    if len(password) > 2 * LONGEST or _NOT_ALLOWED.search(password):
        raise ValidationError(f"At most {LONGEST} characters, and no control characters.", field=field)
    accepted = normalized(password)
    if not SHORTEST <= len(accepted) <= LONGEST:
        raise ValidationError(f"A password has {SHORTEST} to {LONGEST} characters.", field=field)
    if is_guessable(accepted, about):
        raise ValidationError("This password is among the first that anybody would try.", field=field)
    return accepted


def normalized(password: str) -> str:
    """One form of what looks the same, whatever keyboard it was typed on (NIST SP 800-63B)."""
    return unicodedata.normalize("NFKC", password)


def is_guessable(password: str, about: Iterable[str] = ()) -> bool:
    lowered = password.casefold()
    if len(set(lowered)) < _FEWEST_DIFFERENT or any(lowered in row * 2 for row in _ROWS):
        return True
    known = _common() | {word for text in about for word in _words(text)}
    return any(_is_made_of(form, known) for form in (lowered, lowered.translate(_LOOK_ALIKES)))


def _is_made_of(text: str, known: frozenset[str]) -> bool:
    """Whether hardly a letter is left when one or two words that everybody knows are taken out.

    Three and more make a phrase, which is as hard to guess as it is long.
    """
    rest, found = _NOT_A_LETTER.sub("", text), 0
    if not rest and not text.isascii():
        return False
    for word in sorted((word for word in known if word in rest), key=len, reverse=True):
        if word in rest:
            rest = rest.replace(word, "")
            found += len(word) >= _SHORTEST_OWN
    return len(rest) <= _LONGEST_REST and found <= _MOST_WORDS


def _words(text: str) -> Iterable[str]:
    folded = text.casefold()
    words = {*_NOT_A_LETTER.split(folded), _NOT_A_LETTER.sub("", folded)}
    return (word for word in words if len(word) >= _SHORTEST_OWN)


@functools.cache
def _common() -> frozenset[str]:
    text = (files("harka.auth") / "common_passwords.txt").read_text()
    return frozenset(line for line in text.split() if not line.startswith("#"))


def hash_password(password: str) -> str:
    """Of an accepted one. Takes some 20 ms and 19 MiB: see `auth.hashing`."""
    return _HASHER.hash(normalized(password))


def verify_password(hashed: str | None, password: str) -> bool:
    """Takes as long for None, which no password is right for."""
    try:
        _HASHER.verify(_NOBODYS if hashed is None else hashed, normalized(password[: 2 * LONGEST]))
    except (Argon2Error, InvalidHashError, UnicodeEncodeError):
        return False
    return hashed is not None


def is_outdated(hashed: str) -> bool:
    """Whether today's parameters are others than when it was made."""
    return _HASHER.check_needs_rehash(hashed)
