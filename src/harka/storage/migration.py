"""Migration files: plain SQL in dbmate's format, a directory per stream."""

import hashlib
import re
from functools import cache
from importlib.resources import files
from typing import Final, Literal

import msgspec

from harka.errors import HarkaError

Stream = Literal["control", "tenant"]

_FILE_NAME: Final = re.compile(r"(?P<version>\d{14})_(?P<name>[a-z0-9_]+)\.sql")
_MARKER: Final = re.compile(r"^--\s*migrate:(up|down)\b(.*)$", re.MULTILINE)
_STATEMENT_END: Final = re.compile(r";[ \t]*$", re.MULTILINE)


class MigrationError(HarkaError):
    """The database cannot be migrated."""


class Migration(msgspec.Struct, frozen=True):
    """One file. `checksum`: SHA-256 of the part that is applied, in hex; the head comment may be improved."""

    version: str
    name: str
    up: str
    down: str
    transactional: bool

    @property
    def file_name(self) -> str:
        return f"{self.version}_{self.name}.sql"

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.up.encode()).hexdigest()

    @property
    def statements(self) -> list[str]:
        """Of a file outside a transaction, where each is sent by itself; a statement ends with a line."""
        parts = (part.strip() for part in _STATEMENT_END.split(self.up))
        return [part for part in parts if part]


@cache
def stream_migrations(stream: Stream) -> tuple[Migration, ...]:
    """The files of a stream that ships with HARKA, oldest first."""
    directory = files("harka.storage") / "migrations" / stream
    found = [
        parse(entry.name, entry.read_text("utf-8"))
        for entry in directory.iterdir()
        if entry.name.endswith(".sql")
    ]
    ordered = sorted(found, key=lambda migration: migration.version)
    if len({migration.version for migration in ordered}) != len(ordered):
        raise MigrationError(f"two migrations of stream {stream} have the same version")
    return tuple(ordered)


def parse(file_name: str, text: str) -> Migration:
    """Raise `MigrationError` for what is not `<14 digits>_<name>.sql` with one up and one down section."""
    named = _FILE_NAME.fullmatch(file_name)
    if named is None:
        raise MigrationError(f"{file_name}: expected <yyyymmddhhmmss>_<name>.sql")
    markers = list(_MARKER.finditer(text))
    if [marker[1] for marker in markers] != ["up", "down"]:
        raise MigrationError(f"{file_name}: expected `-- migrate:up`, then `-- migrate:down`")
    up, down = markers
    options = up[2].split()
    if any(option not in {"transaction:true", "transaction:false"} for option in options):
        raise MigrationError(f"{file_name}: unknown option in {up[0]!r}")
    return Migration(
        version=named["version"],
        name=named["name"],
        up=text[up.end() : down.start()].strip(),
        down=text[down.end() :].strip(),
        transactional="transaction:false" not in options,
    )
