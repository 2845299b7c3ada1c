import asyncpg
import pytest

from harka.errors import (
    ConflictError,
    DeadlineExceededError,
    HarkaError,
    InternalError,
    UnavailableError,
    ValidationError,
)
from harka.storage.failure import ForeignKeyError, UniqueError, is_clean, translated

KINDS: list[tuple[Exception, type[HarkaError], bool]] = [
    (asyncpg.UniqueViolationError(), UniqueError, True),
    (asyncpg.ForeignKeyViolationError(), ForeignKeyError, True),
    (asyncpg.CheckViolationError(), ValidationError, True),
    (asyncpg.NotNullViolationError(), ValidationError, True),
    (asyncpg.DataError(), ValidationError, True),
    (asyncpg.CharacterNotInRepertoireError(), ValidationError, True),
    (asyncpg.UntranslatableCharacterError(), ValidationError, True),
    (asyncpg.StringDataRightTruncationError(), ValidationError, True),
    (asyncpg.QueryCanceledError(), DeadlineExceededError, True),
    (asyncpg.LockNotAvailableError(), DeadlineExceededError, True),
    (asyncpg.SerializationError(), ConflictError, True),
    (asyncpg.DeadlockDetectedError(), ConflictError, True),
    (asyncpg.InsufficientPrivilegeError(), InternalError, True),
    (asyncpg.UndefinedTableError(), InternalError, True),
    (asyncpg.InFailedSQLTransactionError(), InternalError, True),
    (asyncpg.TooManyConnectionsError(), UnavailableError, False),
    (asyncpg.CannotConnectNowError(), UnavailableError, False),
    (asyncpg.AdminShutdownError(), UnavailableError, False),
    (asyncpg.ConnectionDoesNotExistError(), UnavailableError, False),
    (asyncpg.ProtocolViolationError(), UnavailableError, False),
    (asyncpg.InterfaceError("connection is closed"), UnavailableError, False),
    (asyncpg.InvalidCachedStatementError(), UnavailableError, False),
    (ConnectionResetError(), UnavailableError, False),
    (TimeoutError(), DeadlineExceededError, False),
    (KeyError("a bug"), InternalError, False),
]


@pytest.mark.parametrize(
    ("error", "kind", "clean"), KINDS, ids=lambda value: getattr(value, "__name__", repr(value))
)
def test_every_failure_of_the_driver_has_one_meaning(
    error: Exception,
    kind: type[HarkaError],
    clean: bool,  # noqa: FBT001 - a column of the table
) -> None:
    assert type(translated(error)) is kind
    assert is_clean(error) is clean


def test_own_errors_pass_unchanged() -> None:
    own = ValidationError(field="title")
    assert translated(own) is own


def test_message_of_the_server_is_not_passed_on() -> None:
    assert "secret" not in translated(asyncpg.CheckViolationError("row contains secret")).message
