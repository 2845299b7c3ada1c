import re

import pytest

from harka.learning.mail import Kind
from harka.learning.mail_words import LANGUAGES, words_of

_, ENGLISH = words_of("en")


def places(text: str) -> set[str]:
    return set(re.findall(r"\{[a-z]+\}", text))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_says_the_same_of_the_same(language: str) -> None:
    told, words = words_of(f"{language}-XX")
    assert told == language
    assert (places(words.greeting), places(words.until)) == ({"{name}"}, {"{until}"})
    for kind in Kind:
        here, there = getattr(words, kind), getattr(ENGLISH, kind)
        assert [places(text) for text in here] == [places(text) for text in there]
        assert all(text.strip() for text in here)


def test_for_others_there_is_english() -> None:
    assert words_of("ja") == ("en", ENGLISH)
