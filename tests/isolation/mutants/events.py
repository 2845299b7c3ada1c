"""The stream of what has happened: in which order it is shown, to whom, and that it did happen."""

from typing import Final

from mutants.mutant import Mutant

MUTANTS: Final = [
    Mutant(
        "an-event-is-shown-before-what-may-still-come-in-front",
        "repositories/event.py",
        '_SETTLED: Final = "xid < pg_snapshot_xmin(pg_current_snapshot())::text::bigint"',
        '_SETTLED: Final = "xid > 0"',
        ("tests/repositories/test_event.py",),
    ),
    Mutant(
        "what-was-undone-is-told",
        "learning/work.py",
        "            del self._events[recorded:]\n",
        "",
        ("tests/learning/test_event.py",),
    ),
    Mutant(
        "a-manager-of-groups-reads-what-everybody-did",
        "learning/event.py",
        "    work.context.require_everybody()\n",
        "",
        ("tests/learning/test_event.py",),
    ),
]
