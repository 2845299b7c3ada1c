"""What keeps one organization's load from another."""

from typing import Final

from mutants.mutant import Mutant

GATE = ("tests/tenancy/test_gate.py", "tests/tenancy/test_line.py")
LATE = ("tests/tenancy/test_gate.py", "tests/storage/test_bulkhead.py")
POOL = ("tests/storage/test_pool.py",)
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
        "late = sum(began < since for began in self._opening.values())",
        "late = 0",
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
        "a-place-is-anybodys",
        "web/turn.py",
        "if self._flow.organization.id != organization.id:",
        "if False:",
        TURN,
    ),
    Mutant("an-unused-place-is-lost", "web/whole_request.py", "turn.end()", "pass", TURN),
]
