"""The demo tenants: real learning records as organizations of every size and mode (`docs/demo-data.md`)."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Coroutine
from typing import Final, Protocol

import msgspec

from harka.auth.api_key import prefix_of
from harka.cache.tenant import TenantCache
from harka.config import Settings
from harka.crypto.keyring import Keyring
from harka.errors import ConflictError, ValidationError
from harka.learning.work import unit_of_work
from harka.onboarding import demo_key, figures, population
from harka.onboarding.curriculum import taught_courses
from harka.onboarding.dataset import Dataset, read
from harka.onboarding.figures import Figures
from harka.onboarding.partition import SCHEMA_SLUGS, Part, loading_order, partition
from harka.onboarding.population import Courses, Results
from harka.onboarding.transcript import by_learner
from harka.pubsub import PubSub
from harka.repositories import api_key as api_keys
from harka.repositories import organization as organizations
from harka.repositories.organization import Organization
from harka.storage.catalog import Catalog
from harka.storage.databases import Databases
from harka.tenancy.context import operator_context
from harka.tenancy.placement import Mode
from harka.tenancy.provisioning import create_tenant

TAGS: Final = {"demo": "oulad"}
"""In the settings of every demo tenant: an organization without them is never touched, whatever its slug."""

_WRITERS: Final = 3  # enough to keep two processors busy: one prepares rows while the database stores others
_TIMEOUT: Final = 300.0
_PAGE: Final = 1_000


class Services(Protocol):
    """What loading needs of `harka.runtime.Runtime`, which lives on a floor above."""

    @property
    def settings(self) -> Settings: ...
    @property
    def databases(self) -> Databases: ...
    @property
    def catalog(self) -> Catalog: ...
    @property
    def cache(self) -> TenantCache: ...
    @property
    def pubsub(self) -> PubSub: ...
    @property
    def keyring(self) -> Keyring: ...


class Loaded(msgspec.Struct, frozen=True):
    """How far the loading is, in enrollments. `slug`: the tenant that is ready now."""

    slug: str
    done: int
    total: int


class DemoTenant(msgspec.Struct, frozen=True):
    """`key`: None once it is revoked."""

    slug: str
    name: str
    plan: str
    mode: str
    users: int
    key: str | None


class DemoSummary(msgspec.Struct, frozen=True):
    """What the databases hold. `loaded`: tenants that `load` filled. `planned`: what its files amount to."""

    tenants: tuple[DemoTenant, ...]
    modes: dict[str, Figures]
    loaded: int = 0
    planned: Figures | None = None

    @property
    def total(self) -> Figures:
        return figures.total(self.modes.values())


Report = Callable[[Loaded], None]


async def load(services: Services, report: Report, dataset: Dataset | None = None) -> DemoSummary:
    """Make and fill every demo tenant that is not there yet; after a crash, call it again.

    `report` is called for each tenant that is ready, those that were there before included. `dataset`: None
    for the shipped one. Raise `ConflictError` when an organization that is none of ours has the slug of one.
    """
    if dataset is None:
        dataset = await asyncio.to_thread(read)
    courses = taught_courses(dataset.presentations, dataset.assessments)
    results = by_learner(dataset.results)
    total = len(dataset.registrations)
    done = filled = 0

    async def fill_next() -> None:
        nonlocal done, filled
        for part in parts:
            # `filled += await …` would read the sum before it waits, and lose what others add meanwhile
            fresh = await _ensure(services, part, courses, results)
            filled += fresh
            done += len(part.registrations)
            report(Loaded(part.slug, done, total))

    first, *rest = loading_order(partition(dataset.registrations))
    # alone: it is there to be used while the others are loaded
    parts = iter([first])
    await fill_next()
    parts = iter(rest)
    await _together(fill_next, _WRITERS)
    planned = figures.planned(dataset)
    return msgspec.structs.replace(await summary(services), loaded=filled, planned=planned)


async def summary(services: Services) -> DemoSummary:
    """Describe the demo tenants there are, largest first, with their figures."""
    found = await _find_organizations(services.catalog)
    counted = await asyncio.gather(*(figures.count(services.databases, each) for each in found))
    live = {key.prefix for key in await api_keys.list_live(services.catalog, [each.id for each in found])}
    tenants = [
        _described(each, figure.users, demo_key.text(services.keyring, each.id), live)
        for each, figure in zip(found, counted, strict=True)
    ]
    modes: defaultdict[str, list[Figures]] = defaultdict(list)
    for each, figure in zip(found, counted, strict=True):
        modes[each.mode].append(figure)
    return DemoSummary(
        tenants=tuple(sorted(tenants, key=lambda each: (-each.users, each.slug))),
        modes={str(mode): figures.total(modes[mode]) for mode in Mode if mode in modes},
    )


async def _together(work: Callable[[], Coroutine[None, None, None]], times: int) -> None:
    """Run `work` `times` times at once. Raise the first failure as it is, after all have stopped."""
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(times):
                group.create_task(work())
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from failures


async def _ensure(services: Services, part: Part, courses: Courses, results: Results) -> bool:
    """Whether there was anything to fill."""
    organization = await _ensure_organization(services, part)
    try:
        filled = await _fill(services, organization, part, courses, results)
    except ValidationError:
        # another loader may have been faster: then there is nothing to complain of
        if await _fill(services, organization, part, courses, results):
            raise
        filled = False
    await demo_key.ensure(services.catalog, services.keyring, organization.id)
    return filled


async def _ensure_organization(services: Services, part: Part) -> Organization:
    found = await organizations.find_by_slug(services.catalog, part.slug)
    if found is None:
        try:
            return await _create_organization(services, part)
        except ConflictError:
            # another loader was faster
            found = await organizations.find_by_slug(services.catalog, part.slug)
    if found is None or not _is_demo(found):
        raise ConflictError(f"The organization {part.slug} is not a demo tenant; it was left alone.")
    return found


async def _create_organization(services: Services, part: Part) -> Organization:
    return await create_tenant(
        services.catalog,
        services.settings,
        name=part.name,
        slug=part.slug,
        plan=part.plan,
        users_expected=part.learners,
        mode=Mode.SCHEMA if part.slug in SCHEMA_SLUGS else None,
        locale="en-GB",
        timezone="Europe/London",
        region=part.region,
        tags=TAGS,
    )


async def _fill(
    services: Services, organization: Organization, part: Part, courses: Courses, results: Results
) -> bool:
    """Whether it was empty. One transaction: a tenant is filled wholly or not at all."""
    context = operator_context(organization, "demo")
    async with unit_of_work(
        services.databases, services.cache, services.pubsub, context, read_only=False, timeout=_TIMEOUT
    ) as work:
        if not await population.is_empty(work):
            return False
        await population.populate(work, part, courses, results)
    return True


async def _find_organizations(catalog: Catalog) -> list[Organization]:
    found: list[Organization] = []
    after = None
    while ids := await organizations.list_ids(catalog, after=after, first=_PAGE):
        found += [each for each in await organizations.find_by_ids(catalog, ids) if _is_demo(each)]
        after = ids[-1]
    return found


def _is_demo(organization: Organization) -> bool:
    return TAGS.items() <= organization.settings.items()


def _described(organization: Organization, users: int, key: str, live: Collection[str]) -> DemoTenant:
    return DemoTenant(
        slug=organization.slug,
        name=organization.name,
        plan=organization.plan,
        mode=organization.mode,
        users=users,
        key=key if prefix_of(key) in live else None,
    )
