"""Who the load comes from: organizations of one person to more than ten thousand, people and programs."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Final
from uuid import UUID

import msgspec
from parts import Enrollment, Person, Tenant, write
from population import Filled, Population, fill, found, make_key, settle
from stage import Stage

from harka import clock
from harka.auth import token
from harka.ids import NodeKind
from harka.opening import open_runtime
from harka.repositories import signing_key as signing_keys
from harka.repositories.organization import Organization
from harka.runtime import Runtime
from harka.tenancy.permission import Permission
from harka.tenancy.placement import Mode
from harka.tenancy.plan import Plan

_PEOPLE: Final = 100
"""Of each organization, at most, who sign in."""
_ENROLLED: Final = 2_000
"""Of each organization, at most, whom a rush enrolls."""
_RUSH_COURSES: Final = 3
_COURSES_EACH: Final = 3
_LIFETIME: Final = timedelta(hours=12)
_SCOPES: Final = (
    Permission.COURSE_READ,
    Permission.ENROLLMENT_READ,
    Permission.ENROLLMENT_WRITE,
    Permission.USER_READ,
)


class Size(msgspec.Struct, frozen=True):
    """`mode`: None for what an organization of this size gets by itself."""

    slug: str
    plan: Plan
    users: int
    courses: int
    mode: Mode | None = None


SIZES: Final = (
    Size("solo", Plan.STARTER, 1, 5),
    Size("team", Plan.STARTER, 20, 10),
    Size("school", Plan.STARTER, 100, 20),
    Size("company", Plan.GROWTH, 500, 40, Mode.SCHEMA),
    Size("college", Plan.GROWTH, 1_000, 60),
    Size("university", Plan.ENTERPRISE, 12_000, 200),
)
SHORT_SIZES: Final = (*SIZES[:3], Size("institute", Plan.ENTERPRISE, 300, 30))


def load(stage: Stage, sizes: Sequence[Size]) -> Path:
    """Make them; answers the file that `parts.read` reads. It holds credentials, and goes with the stage."""
    tenants = asyncio.run(_load(stage, sizes))
    path = stage.directory / "tenants.json"
    write(path, tenants)
    return path


async def _load(stage: Stage, sizes: Sequence[Size]) -> list[Tenant]:
    async with open_runtime(stage.settings) as runtime:
        tenants = [await _load_one(runtime, size) for size in sizes]
    await settle(stage.admin_url)
    return tenants


async def _load_one(runtime: Runtime, size: Size) -> Tenant:
    organization = await found(runtime, size.slug, plan=size.plan, users=size.users, mode=size.mode)
    enrollments = size.users * min(_COURSES_EACH, size.courses)
    filled = await fill(
        runtime,
        organization,
        Population(
            users=size.users, courses=size.courses, enrollments=enrollments, progress=enrollments // 3
        ),
    )

    def sealed(kind: NodeKind, ids: Sequence[UUID]) -> list[str]:
        return [runtime.node_ids.seal(organization.id, kind, id_) for id_ in ids]

    courses = sealed(NodeKind.COURSE, filled.courses)
    return Tenant(
        slug=size.slug,
        size=size.users,
        key=await make_key(runtime, organization, _SCOPES),
        courses=courses,
        rush_courses=courses[-_RUSH_COURSES:],
        users=sealed(NodeKind.USER, filled.users[:_ENROLLED]),
        people=await _people(runtime, organization, filled),
    )


async def _people(runtime: Runtime, organization: Organization, filled: Filled) -> list[Person]:
    key = await signing_keys.find_current(runtime.catalog, organization.id)
    assert key is not None
    seal, tenant, now = runtime.node_ids.seal, organization.id, clock.now()
    own: defaultdict[UUID, list[Enrollment]] = defaultdict(list)
    for id_, user, course in filled.enrollments:
        lessons = [seal(tenant, NodeKind.LESSON, lesson) for lesson in filled.lessons[course]]
        own[user].append(
            Enrollment(seal(tenant, NodeKind.ENROLLMENT, id_), seal(tenant, NodeKind.COURSE, course), lessons)
        )
    step = -(-len(filled.users) // _PEOPLE)
    return [
        Person(
            token.issue(key, runtime.keyring, runtime.settings, user=user, lifetime=_LIFETIME, now=now),
            own[user],
        )
        for user in filled.users[::step]
    ]
