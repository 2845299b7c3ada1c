"""What a printed certificate says besides names and dates, in the languages of organizations."""

from collections.abc import Mapping
from typing import Final

import msgspec


class Words(msgspec.Struct, frozen=True):
    """`language`: as ISO 639-1. `until`: between the day of issue and the day on which it ends."""

    language: str
    heading: str
    has_completed: str
    until: str


_ENGLISH: Final = Words("en", "Certificate of completion", "has completed", "to")
_WORDS: Final[Mapping[str, Words]] = {
    each.language: each
    for each in (
        _ENGLISH,
        Words("de", "Teilnahmezertifikat", "hat erfolgreich abgeschlossen", "bis"),
        Words("fr", "Certificat de réussite", "a terminé avec succès", "au"),
        Words("es", "Certificado de finalización", "ha completado", "al"),
        Words("it", "Certificato di completamento", "ha completato", "al"),
        Words("pt", "Certificado de conclusão", "concluiu", "a"),
        Words("nl", "Certificaat van voltooiing", "heeft voltooid", "tot"),
    )
}
LANGUAGES: Final = tuple(_WORDS)


def words_of(locale: str) -> Words:
    """By the language of a BCP 47 tag; English for one that nobody has translated."""
    return _WORDS.get(locale.partition("-")[0].lower(), _ENGLISH)
