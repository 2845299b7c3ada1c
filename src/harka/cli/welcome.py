"""What `harka up` shows a person: that it serves, where, and whom."""

from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

import harka
from harka.config import Settings
from harka.fastpath import COMPILED
from harka.onboarding.demo import DemoSummary

_WIDE: Final = 220  # the terminal wraps a line if it must: a key that is cut short cannot be copied


def ready(settings: Settings, directory: Path, *, seconds: float) -> None:
    """`seconds`: since the command was called."""
    fast_path = "compiled" if COMPILED else "pure Python, there is no compiled one"
    print(
        f"HARKA {harka.__version__} serves at {address(settings)} after {seconds:.1f} s",
        f"  fast path: {fast_path}",
        f"  data:      {directory}",
        "  Ctrl-C stops everything",
        sep="\n",
        flush=True,
    )


def tenants(settings: Settings, summary: DemoSummary) -> None:
    """Every demo tenant with its key, and a request to begin with."""
    if not summary.tenants:
        print("There are no demo tenants; `harka tenant create` makes one of your own.", flush=True)
        return
    table = Table("URL", "plan", "home", "users", "API key", box=None)
    for tenant in summary.tenants:
        url = address(settings, tenant.slug)
        table.add_row(url, tenant.plan, tenant.mode, f"{tenant.users:,}", tenant.key or "revoked")
    Console(width=_WIDE, highlight=False).print(table)
    first = summary.tenants[-1]
    if first.key:
        print(
            f"\nTry: curl -s {address(settings, first.slug)}/graphql -H 'X-API-Key: {first.key}' "
            "-H 'Content-Type: application/json' -d '{\"query\": \"{ organization { name plan } }\"}'",
            flush=True,
        )


def address(settings: Settings, slug: str | None = None) -> str:
    host = settings.platform_domain if slug is None else f"{slug}.{settings.platform_domain}"
    return f"http://{host}:{settings.port}"
