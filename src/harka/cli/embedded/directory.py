"""The data directory of the embedded servers: where it is, who may use it now, and the secret kept in it."""

import contextlib
import fcntl
import hashlib
import os
import pwd
import secrets
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from harka.errors import HarkaError

DATA: Final = Path(".harka")
"""Where commands look for the data when not told otherwise."""
LOCK_NAME: Final = "lock"
_SHARED_TEMPORARY: Final = Path("/var/tmp")  # noqa: S108 - survives a reboot; ownership is checked in _create
_PATH_BYTES: Final = 3_800
"""The kernel takes 4,095; what servers and files are called within it comes on top."""
_HOLDER_WAIT: Final = 1.0


class DataDirectoryError(HarkaError):
    """The data directory cannot be used."""


class DataDirectoryInUseError(DataDirectoryError):
    """The data directory is in use."""

    def __init__(self, directory: Path, pid: int | None) -> None:
        self.pid = pid
        super().__init__(f"{directory} is in use by {f'process {pid}' if pid else 'another process'}")


class Account(msgspec.Struct, frozen=True):
    uid: int
    gid: int


def unprivileged() -> Account | None:
    """Whom PostgreSQL runs as when we are root, whom it refuses; None: as ourselves."""
    if os.geteuid() != 0:
        return None
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        raise DataDirectoryError("PostgreSQL refuses to run as root, and there is no user `nobody`") from None
    return Account(nobody.pw_uid, nobody.pw_gid)


def locate(requested: Path) -> Path:
    """Where the data of `requested` really are.

    The same place, unless root asks for one that PostgreSQL's own user cannot reach (a checkout under
    `/root`): then a directory in `/var/tmp`, named after the one asked for.
    """
    path = requested.expanduser().absolute()
    existing = next(parent for parent in (path, *path.parents) if parent.is_dir())
    if unprivileged() is None or reachable_by_others(existing.resolve()):
        return path
    return _in_temporary(os.fsencode(path))


def private_temporary(*subject: str | Path) -> Path:
    """A directory in `/var/tmp` for `subject`, always the same, of nobody but us (and PostgreSQL's own user).

    Raise `DataDirectoryError` when it is somebody else's.
    """
    directory = _in_temporary(b"\0".join(map(os.fsencode, (*subject, str(os.geteuid())))))
    _create(directory)
    directory.chmod(0o700 if unprivileged() is None else 0o711)
    return directory


def _in_temporary(subject: bytes) -> Path:
    return _SHARED_TEMPORARY / f"harka-{hashlib.sha256(subject).hexdigest()[:12]}"


def reachable_by_others(path: Path) -> bool:
    return all(place.stat().st_mode & stat.S_IXOTH for place in (path, *path.parents))


@contextlib.contextmanager
def claim(requested: Path) -> Iterator[Path]:
    """Create the directory if need be and hold it; yields where it really is.

    The kernel drops the lock with the process, so a crash leaves nothing to clean up. Raise
    `DataDirectoryInUseError` at once when somebody else holds it.
    """
    directory = locate(requested)
    descriptor = _lock(directory)
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, b"%d\n" % os.getpid(), 0)
        yield directory
    finally:
        os.ftruncate(descriptor, 0)
        os.close(descriptor)


def holder(requested: Path) -> int | None:
    """Process id of whoever holds the directory; None when it is free or absent."""
    try:
        descriptor = os.open(locate(requested) / LOCK_NAME, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        return None if _locked(descriptor) else _written_pid(descriptor)
    finally:
        os.close(descriptor)


def secret(directory: Path) -> str:
    """32 random bytes in hex: made once, kept with the data that hang on it, readable by their owner only."""
    path = directory / "secret"
    with contextlib.suppress(FileNotFoundError):
        return path.read_text().strip()
    write_private(path, secrets.token_hex(32))
    return path.read_text().strip()


def write_private(path: Path, text: str) -> None:
    """Replace a file as a whole (a kill leaves the old one or the new one), mode 0600."""
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def _lock(directory: Path) -> int:
    while True:
        _create(directory)
        descriptor = os.open(directory / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            _require_lock(descriptor, directory)
            # `harka reset` may have deleted the file between our opening and locking it
            if _same_file(descriptor, directory / LOCK_NAME):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _require_lock(descriptor: int, directory: Path) -> None:
    if not _locked(descriptor):
        raise DataDirectoryInUseError(directory, _written_pid(descriptor))


def _create(directory: Path) -> None:
    length = len(os.fsencode(directory))
    if length > _PATH_BYTES:
        raise DataDirectoryError(f"a path of {length:,} bytes is too long; name a shorter one with --data")
    try:
        # root's own umask may be 077, but PostgreSQL's user has to get through to its part
        directory.mkdir(parents=True, exist_ok=True, mode=0o755)
        found = directory.lstat()
    except OSError as error:
        raise DataDirectoryError(f"cannot create {directory}: {error.strerror}") from None
    if directory.parent == _SHARED_TEMPORARY and (
        not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid()
    ):
        raise DataDirectoryError(f"{directory} belongs to somebody else")
    if unprivileged() is not None and not found.st_mode & stat.S_IXOTH:
        directory.chmod(0o711)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _same_file(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _written_pid(descriptor: int) -> int | None:
    """The holder writes its id right after it got the lock; give it that moment."""
    until = time.monotonic() + _HOLDER_WAIT
    while time.monotonic() < until:
        text = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip()
        if text.isdigit():
            return int(text)
        time.sleep(0.01)
    return None
