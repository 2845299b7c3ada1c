"""What names the tenant to the database, and how a connection changes hands."""

# ruff: noqa: E501 - quotes of code, which must stand as they do there

from typing import Final

from mutants.mutant import Mutant

SESSION = ("tests/storage/test_session.py", "tests/storage", "tests/isolation")
INTERRUPTED = ("tests/storage/test_session_cancellation.py", "tests/storage", "tests/isolation")

MUTANTS: Final = [
    Mutant(
        "session-level-setting",
        "storage/session.py",
        "SET LOCAL app.current_tenant",
        "SET app.current_tenant",
        SESSION,
    ),
    Mutant(
        "setting-forgotten",
        "storage/session.py",
        "SET LOCAL app.current_tenant",
        "SET LOCAL app.some_tenant",
        SESSION,
    ),
    Mutant(
        "tenant-not-required", "storage/session.py", "if not isinstance(tenant, UUID):", "if False:", SESSION
    ),
    Mutant(
        "connection-kept-after-cancellation",
        "storage/transaction.py",
        "        except BaseException:\n            self._abandon()\n            raise\n        wire.sent_at = 0.0",
        "        except BaseException:\n            raise\n        wire.sent_at = 0.0",
        INTERRUPTED,
    ),
    Mutant(
        "half-opened-connection-kept",
        "storage/transaction.py",
        "            # nobody may meet a connection whose tenant is not set\n            self._abandon()",
        "            # nobody may meet a connection whose tenant is not set",
        INTERRUPTED,
    ),
    Mutant(
        "recycled-without-rollback",
        "storage/databases.py",
        'await wire.connection.execute("ROLLBACK", timeout=_RECYCLE_TIMEOUT)',
        'await wire.connection.execute("SELECT 1", timeout=_RECYCLE_TIMEOUT)',
        INTERRUPTED,
    ),
    Mutant(
        "busy-connection-comes-back",
        "storage/databases.py",
        "if not wire.connection.is_closed() and wire.connection.is_in_transaction():",
        "if False:",
        ("tests/storage/test_databases.py", *INTERRUPTED),
    ),
    Mutant(
        "busy-connection-lent-out",
        "storage/databases.py",
        "        if wire.connection.is_in_transaction():\n            self.recycle(wire)\n            raise UnavailableError\n        self._watch",
        "        self._watch",
        ("tests/storage/test_databases.py", *INTERRUPTED),
    ),
    Mutant(
        "one-database-for-all-dedicated",
        "storage/location.py",
        "return with_database(url, database) if is_dedicated(database) else url",
        "return url",
        ("tests/storage/test_location.py", *SESSION),
    ),
    Mutant("reads-may-write", "storage/session.py", "READ ONLY", "READ WRITE", SESSION),
]
