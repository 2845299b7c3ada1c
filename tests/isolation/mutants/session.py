"""What names the tenant to the database, and how a connection changes hands."""

# ruff: noqa: E501 - quotes of code, which must stand as they do there

from typing import Final

from mutants.mutant import Mutant

SESSION = ("tests/storage/test_session.py", "tests/storage", "tests/isolation")
INTERRUPTED = ("tests/storage/test_session_cancellation.py", "tests/storage", "tests/isolation")
LINE = ("tests/storage/test_lane.py", "tests/isolation")
LED = ("tests/storage/test_databases.py", "tests/storage", "tests/isolation")

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
        "storage/loan.py",
        "        except BaseException:\n            self._abandon()\n            raise\n        wire.heard",
        "        except BaseException:\n            raise\n        wire.heard",
        SESSION,
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
        "if not wire.connection.is_closed() and wire.is_in_transaction:",
        "if False:",
        ("tests/storage/test_databases.py", *INTERRUPTED),
    ),
    Mutant(
        "busy-connection-lent-out",
        "storage/databases.py",
        "        if wire.is_in_transaction:\n            self.recycle(wire)\n            raise UnavailableError\n        self._watch",
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
    # what leads a statement in, in the round trip of the statement
    Mutant(
        "led-in-for-the-session",
        "storage/wire.py",
        "set_config('app.current_tenant', $1, true)",
        "set_config('app.current_tenant', $1, false)",
        LED,
    ),
    Mutant(
        "led-in-without-a-tenant",
        "storage/wire.py",
        "set_config('app.current_tenant', $1, true)",
        "set_config('app.some_tenant', $1, true)",
        LED,
    ),
    Mutant(
        "led-in-once-for-many-alone",
        "storage/transaction.py",
        "            wire.lead_in(self._led_in(wire))\n",
        "            if self.statements == 1:\n             wire.lead_in(self._led_in(wire))\n",
        LED,
    ),
    Mutant(
        "led-in-as-the-one-before",
        "storage/wire.py",
        '        return b"%b%b%b%10d%b" % (before, tenant, between, milliseconds, after)',
        '        self.tenant = tenant = getattr(self, "tenant", tenant)\n        return b"%b%b%b%10d%b" % (before, tenant, between, milliseconds, after)',
        LED,
    ),
    Mutant(
        "lone-read-may-write",
        "storage/wire.py",
        "f\"{_ENTER} OR set_config('transaction_read_only', 'on', true) IS NULL\"",
        "_ENTER",
        SESSION,
    ),
    Mutant("led-reads-may-write", "storage/wire.py", "READ ONLY", "READ WRITE", SESSION),
    Mutant(
        "lead-in-without-begin-believed",
        "storage/transaction.py",
        "            # it was BEGIN itself that failed: the next statement would run without a tenant\n            self._abandon()",
        "            pass",
        INTERRUPTED,
    ),
    Mutant(
        "unwritten-lead-in-left-behind",
        "storage/transport.py",
        'held, self._held, self._trail = self._held, b"", b""\n        return',
        "held = self._held\n        return",
        ("tests/storage", *INTERRUPTED),
    ),
    Mutant(
        "lead-out-left-to-another",
        "storage/transaction.py",
        "        finally:\n            wire.drop_lead()\n            self._settle(wire)",
        "        finally:\n            wire.lead_out()\n            self._settle(wire)",
        ("tests/storage/test_databases.py", *INTERRUPTED),
    ),
    # what is asked without waiting, and what stands in line on one connection
    Mutant(
        "asked-without-a-tenant",
        "storage/transaction.py",
        "                    lead = self._led_in(wire)\n",
        "                    pass\n",
        SESSION,
    ),
    Mutant(
        "asked-after-the-end-without-a-tenant",
        "storage/transaction.py",
        "self._begun = not (trail or alone)",
        "self._begun = True",
        ("tests/storage/test_databases.py", *SESSION),
    ),
    Mutant(
        "asked-beside-a-begin-that-fails",
        "storage/transaction.py",
        "joins=not (alone or trail))",
        "joins=False)",
        ("tests/storage/test_transaction.py", *SESSION),
    ),
    Mutant(
        "asked-behind-a-begin-that-may-fail",
        "storage/transaction.py",
        "if self._opener is not None and not (self._wire and self._wire.gathers):",
        "if False:",
        ("tests/storage/test_transaction.py", *SESSION),
    ),
    Mutant(
        "columns-of-before-a-migration",
        "storage/wire.py",
        "question.columns if parsed else None",
        "None",
        ("tests/storage/test_lane.py", *SESSION),
    ),
    Mutant(
        "given-back-while-asked",
        "storage/transaction.py",
        "        if self._under_way or self._wire is not wire:",
        "        if self._wire is not wire:",
        ("tests/storage/test_transaction.py", *SESSION),
    ),
    Mutant(
        "in-line-as-the-one-before",
        "storage/lane.py",
        "            lead = self.wire.led_in(tenant, ",
        '            self.tenant = tenant = getattr(self, "tenant", tenant)\n            lead = self.wire.led_in(tenant, ',
        LINE,
    ),
    Mutant(
        "in-line-with-one-lead-in",
        "storage/lane.py",
        "self.wire.ask(described, bound, answer, lead=lead)",
        'self.wire.ask(described, bound, answer, lead=b"" if len(self._line) > 1 else lead)',
        LINE,
    ),
    Mutant(
        "in-line-for-the-session",
        "storage/lane.py",
        "read_only=True, alone=True)",
        "read_only=True, alone=False)",
        LINE,
    ),
    Mutant(
        "line-left-while-asked",
        "storage/lane.py",
        "        if self._line:\n            return\n        if self._cancelling:\n            if not",
        "        if self._cancelling:\n            if not",
        LINE,
    ),
    Mutant(
        "line-left-while-cancelled",
        "storage/lane.py",
        "                # it would hit whoever gets the connection next\n                return\n",
        "                pass\n",
        ("tests/storage/test_stuck_line.py",),
    ),
    Mutant(
        "repaired-while-asked",
        "storage/databases.py",
        "                await wire.quiet()\n",
        "                pass\n",
        ("tests/storage/test_transaction.py", *INTERRUPTED),
    ),
    Mutant(
        "end-cancelled-in-line",
        "storage/transaction.py",
        "            # also when it was the wait for the lock that was cancelled\n            self._abandon()\n",
        "",
        INTERRUPTED,
    ),
    Mutant(
        "connection-lent-twice",
        "storage/pool.py",
        "            waiter.set_result(wire)\n            return\n",
        "            waiter.set_result(wire)\n",
        ("tests/storage/test_databases.py", *SESSION),
    ),
    Mutant(
        "statement-of-the-first-schema",
        "storage/statement.py",
        "known = self._in_schema.get(schema)",
        "known = next(iter(self._in_schema.values()), None)",
        ("tests/storage/test_statement.py", "tests/isolation"),
    ),
]
