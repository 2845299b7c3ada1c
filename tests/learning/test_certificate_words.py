import msgspec
import pytest

from harka.learning.certificate_words import LANGUAGES, words_of


@pytest.mark.parametrize(
    ("locale", "language"),
    [
        ("de", "de"),
        ("de-AT", "de"),
        ("PT-br", "pt"),
        ("nl-BE", "nl"),
        ("en-GB", "en"),
        ("ja", "en"),
        ("", "en"),
    ],
)
def test_a_locale_has_the_words_of_its_language_or_english_ones(locale: str, language: str) -> None:
    assert words_of(locale).language == language


def test_every_language_says_everything_in_its_own_words() -> None:
    assert set(LANGUAGES) == {"en", "de", "fr", "es", "it", "pt", "nl"}
    said = [msgspec.structs.astuple(words_of(language))[1:3] for language in LANGUAGES]
    assert all(all(words) for words in said)
    assert len({heading for heading, _ in said}) == len(LANGUAGES)
