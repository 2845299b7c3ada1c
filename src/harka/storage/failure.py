"""What asyncpg raises, in the words of `harka.errors`. No message of the server reaches a client."""

from typing import Final

import asyncpg

from harka.errors import (
    ConflictError,
    DeadlineExceededError,
    HarkaError,
    InternalError,
    NotFoundError,
    UnavailableError,
    ValidationError,
)


class UniqueError(ConflictError):
    """Something with this value exists already."""

    def __init__(self, constraint: str) -> None:
        """`constraint`: the name in the migration, by which a rule tells what was taken."""
        super().__init__()
        self.constraint = constraint


class ForeignKeyError(NotFoundError):
    """Something this refers to does not exist."""

    def __init__(self, constraint: str) -> None:
        super().__init__()
        self.constraint = constraint


OUTDATED: Final = (asyncpg.InvalidCachedStatementError, asyncpg.OutdatedSchemaCacheError)
"""A migration changed a table under a prepared statement, which must be prepared anew."""

CONNECTION_ERRORS: Final = (
    OSError,  # of which TimeoutError is one
    asyncpg.PostgresConnectionError,
    # what asyncpg says of a connection that was lost between two statements
    asyncpg.InterfaceError,
    # what it says of bytes that it does not understand
    asyncpg.InternalClientError,
)
"""What a connection that is lost, or never was one, raises."""

_UNAVAILABLE: Final = (
    *CONNECTION_ERRORS,
    asyncpg.TooManyConnectionsError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    *OUTDATED,
    asyncpg.InvalidSQLStatementNameError,
)
_UNACCEPTABLE: Final = (
    # of the server (a NUL, a bad number) and of asyncpg's encoder (a lone surrogate, a wrong type) alike
    asyncpg.DataError,
    asyncpg.CheckViolationError,
    asyncpg.NotNullViolationError,
    # too large for an index entry, or for PostgreSQL
    asyncpg.ProgramLimitExceededError,
)
_TOO_LATE: Final = (TimeoutError, asyncpg.QueryCanceledError, asyncpg.LockNotAvailableError)
_CONFLICTING: Final = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError)

_KINDS: Final[tuple[tuple[tuple[type[Exception], ...], type[HarkaError]], ...]] = (
    (_TOO_LATE, DeadlineExceededError),  # before OSError, of which TimeoutError is one
    (_UNACCEPTABLE, ValidationError),
    (_CONFLICTING, ConflictError),
    (_UNAVAILABLE, UnavailableError),
)


def translated(error: Exception) -> HarkaError:
    """The error a caller should see instead of `error`; the original stays its cause, for the log."""
    match error:
        case HarkaError():
            return error
        case asyncpg.UniqueViolationError():
            return UniqueError(error.constraint_name or "")
        case asyncpg.ForeignKeyViolationError():
            return ForeignKeyError(error.constraint_name or "")
    return next((kind() for errors, kind in _KINDS if isinstance(error, errors)), InternalError())


def is_clean(error: Exception) -> bool:
    """Whether the conversation with the server is intact: only the statement, or the transaction, failed."""
    return isinstance(error, asyncpg.PostgresError) and not isinstance(error, _UNAVAILABLE)
