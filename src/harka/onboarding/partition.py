"""Which registrations become which tenant (`docs/demo-data.md`, rule 1).

The three largest regions are one organization each; every other region is one organization per course module.
No learner lives in two regions, so every registration falls to exactly one tenant; a learner who takes
several modules in a divided region is a user in several tenants.
"""

from collections import defaultdict
from collections.abc import Iterable

import msgspec

from harka.onboarding.dataset import Registration
from harka.tenancy.placement import Size, size_of
from harka.tenancy.plan import Plan

WHOLE_REGIONS = frozenset({"East Anglian Region", "Scotland", "London Region"})
# the demo shows each placement mode; the policy alone would never choose an own schema
SCHEMA_SLUGS = frozenset({"wales-bbb"})


_PLANS = {Size.SMALL: Plan.STARTER, Size.MEDIUM: Plan.GROWTH, Size.DEDICATED: Plan.ENTERPRISE}


class Part(msgspec.Struct, frozen=True):
    """The rows of one future tenant. `learners`: distinct people in it."""

    slug: str
    name: str
    region: str
    registrations: tuple[Registration, ...]
    learners: int

    @property
    def plan(self) -> Plan:
        """By the sizes of the placement policy (DESIGN §5)."""
        return _PLANS[size_of(self.learners)]


def partition(registrations: Iterable[Registration]) -> list[Part]:
    """All tenants, in slug order, independent of the order of the rows."""
    grouped: dict[tuple[str, str], list[Registration]] = defaultdict(list)
    for row in registrations:
        grouped[row.region, "" if row.region in WHOLE_REGIONS else row.module].append(row)
    return sorted((_part(*key, rows) for key, rows in grouped.items()), key=lambda part: part.slug)


def loading_order(parts: Iterable[Part]) -> list[Part]:
    """Put the smallest first, so that one answers at once; then the largest, so that none comes last."""
    first, *rest = sorted(parts, key=lambda part: (len(part.registrations), part.slug))
    return [first, *reversed(rest)]


def _part(region: str, module: str, rows: list[Registration]) -> Part:
    words = [region.removesuffix(" Region"), module] if module else [region.removesuffix(" Region")]
    return Part(
        slug="-".join(words).lower().replace(" ", "-"),
        name=" ".join(words),
        region=region,
        registrations=tuple(sorted(rows, key=lambda row: (row.presentation, row.module, row.learner))),
        learners=len({row.learner for row in rows}),
    )
