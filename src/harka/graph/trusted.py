"""Documents that the deployment's own clients were built with, registered by their SHA-256.

A client's build writes them as one JSON object, `{"<sha256>": "<document>"}`: the Relay compiler and
graphql-codegen both do. They are the same for every organization and never forgotten. A deployment whose
clients are all its own may accept nothing else: then nobody chooses what the server executes.
"""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from harka.codec import JsonDecodeError, from_json
from harka.config import ConfigurationError, Settings

_FILE: Final = "HARKA_TRUSTED_DOCUMENTS"


class TrustedDocuments:
    """`only`: whether nothing else is executed."""

    def __init__(self, texts: Iterable[str] = (), *, only: bool = False) -> None:
        self.only = only
        self._by_hash = {hash_of(text): text for text in texts}
        self._texts = frozenset(self._by_hash.values())

    def find(self, sha256: str) -> str | None:
        return self._by_hash.get(sha256)

    def accepts(self, text: str) -> bool:
        """Whether a text may be executed, however it came here."""
        return not self.only or text in self._texts


def read_trusted(settings: Settings, own: Iterable[str]) -> TrustedDocuments:
    """What `settings` register, and our pages' `own`. Raise `ConfigurationError` naming what is wrong."""
    only = settings.documents == "trusted"
    if settings.trusted_documents is None:
        if only:
            raise ConfigurationError(f"HARKA_DOCUMENTS: trusted needs {_FILE}")
        return TrustedDocuments()
    place = Path(settings.trusted_documents)
    files = sorted(place.glob("*.json")) if place.is_dir() else [place]
    if not files:
        raise ConfigurationError(f"{_FILE}: there is no .json file in {place}")
    texts = [text for file in files for text in _texts_in(file)]
    return TrustedDocuments([*own, *texts], only=only)


def hash_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _texts_in(file: Path) -> list[str]:
    documents = _object_in(file)
    for sha256, text in documents.items():
        if not isinstance(text, str) or hash_of(text) != sha256.lower():
            raise ConfigurationError(
                f"{_FILE}: {file.name}: {sha256[:80]!r} is not the SHA-256 of its document"
            )
    return list(documents.values())


def _object_in(file: Path) -> Mapping[str, Any]:
    try:
        documents = from_json(file.read_bytes())
    except OSError as error:
        raise ConfigurationError(f"{_FILE}: {file.name}: {error.strerror}") from None
    except JsonDecodeError:
        documents = None
    if not isinstance(documents, dict):
        raise ConfigurationError(f"{_FILE}: {file.name} is not a JSON object of documents by their SHA-256")
    return documents
