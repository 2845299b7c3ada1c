"""What keeps one organization's load from another."""

from typing import Final

from mutants.mutant import Mutant

GATE = ("tests/tenancy/test_gate.py", "tests/tenancy/test_line.py")
POOL = ("tests/storage/test_pool.py",)

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
        "one-holds-all-connections",
        "storage/pool.py",
        "return not holder or self._held.get(holder, 0) < self._share",
        "return True",
        POOL,
    ),
]
