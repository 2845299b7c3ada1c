"""What is told to receivers: as whom, once, and where."""

from typing import Final

from mutants.mutant import Mutant

MUTANTS: Final = [
    Mutant(
        "an-endpoint-lends-what-its-maker-does-not-have",
        "learning/webhook_endpoint.py",
        "    if not permissions_named(names) <= work.context.permissions:\n",
        "    if False:\n",
        ("tests/graph/mutations/test_webhook_endpoint.py",),
    ),
    Mutant(
        "receivers-are-of-inner-networks",
        "outbound.py",
        "    return found.is_global and not found.is_multicast and found not in _RELAYS\n",
        "    return not found.is_multicast\n",
        ("tests/test_outbound.py",),
    ),
    Mutant(
        "a-late-commit-is-passed-by",
        "repositories/webhook_delivery.py",
        "        WHERE tenant_id = $1 AND xid < pg_snapshot_xmin(pg_current_snapshot())::text::bigint\n",
        "        WHERE tenant_id = $1\n",
        ("tests/worker/test_dispatcher.py",),
    ),
]
