"""What keeps one organization's load from another."""

from typing import Final

from mutants.mutant import Mutant

GATE = ("tests/tenancy/test_gate.py", "tests/tenancy/test_line.py")
LATE = ("tests/tenancy/test_gate.py", "tests/storage/test_bulkhead.py")
POOL = ("tests/storage/test_pool.py", "tests/storage/test_shards.py")
TURN = ("tests/web/test_turn.py",)

MUTANTS: Final = [
    Mutant("one-takes-all-places", "tenancy/gate.py", "or flow.held >= self._most_of_one", "or False", GATE),
    Mutant(
        "absence-is-saved-up",
        "tenancy/line.py",
        "flow.clock = max(flow.clock, min(self._clock - bay.lead, earliest))",
        "pass",
        GATE,
    ),
    Mutant(
        "what-one-may-not-hold-is-saved-up",
        "tenancy/line.py",
        "bay.lead = max(bay.lead, to - head.clock)",
        "pass",
        GATE,
    ),
    Mutant(
        "what-hangs-keeps-its-places",
        "tenancy/gate.py",
        "self.under_way = under_way - self._all_late",
        "self.under_way = under_way",
        LATE,
    ),
    Mutant(
        "late-ones-take-all-places",
        "tenancy/gate.py",
        "            return 0\n        return self._few",
        "            return self._most_of_bay\n        return self._few",
        LATE,
    ),
    Mutant("any-number-may-be-late", "tenancy/gate.py", "self._most_of_bay = self._few", "pass", LATE),
    Mutant(
        "who-opens-a-connection-is-not-late",
        "storage/pool.py",
        "if began < since:",
        "if False:",
        LATE,
    ),
    Mutant(
        "one-holds-all-connections",
        "storage/pool.py",
        "return not holder or self._held.get(holder, 0) < self._share",
        "return True",
        POOL,
    ),
    Mutant(
        "one-shard-holds-all-connections",
        "storage/pool.py",
        "return not held or self._has_more_than_the_last() or held < self._not_lent()",
        "return True",
        POOL,
    ),
    Mutant(
        "a-line-counts-to-who-began-it",
        "storage/lane.py",
        "self._is_within = self._charge(self.wire, self._shard)",
        "pass",
        ("tests/storage/test_shards.py",),
    ),
    Mutant(
        "a-database-is-one-shard",
        "tenancy/gate.py",
        "name, schema = organization.database, organization.schema",
        'name, schema = organization.database, ""',
        GATE,
    ),
    Mutant(
        "one-database-takes-all-places",
        "tenancy/gate.py",
        "or bay.database.under_way >= self._most_of_database",
        "or False",
        GATE,
    ),
    Mutant(
        "a-place-is-anybodys",
        "web/turn.py",
        "if self._flow.organization.id != organization.id:",
        "if False:",
        TURN,
    ),
    Mutant("an-unused-place-is-lost", "web/whole_request.py", "turn.end()", "pass", TURN),
]
