"""What is in the databases, counted there: the loader's own tally would only repeat what it believes."""

from collections import Counter
from collections.abc import Iterable

import msgspec

from harka.auth.permissions import Role
from harka.onboarding.dataset import PASSED, Dataset, Registration
from harka.onboarding.partition import partition
from harka.repositories import completion as completions
from harka.repositories import enrollment_list as enrollments
from harka.repositories import progress as progresses
from harka.repositories import user as users
from harka.repositories.organization import Organization
from harka.repositories.scope import Scope
from harka.storage.databases import Databases
from harka.storage.session import open_session

_TIMEOUT = 60.0


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """Rows of one tenant, or of several. `results`: lessons with progress; `marked`: those with a score."""

    tenants: int = 0
    users: int = 0
    learners: int = 0
    enrollments: int = 0
    results: int = 0
    marked: int = 0
    completions: int = 0


async def count(databases: Databases, organization: Organization) -> Figures:
    session = open_session(
        databases, organization.location, organization.id, read_only=True, timeout=_TIMEOUT
    )
    try:
        results, marked = await progresses.count(session)
        return Figures(
            tenants=1,
            users=await users.count(session),
            learners=await users.count(session, role=Role.LEARNER),
            enrollments=await enrollments.count(session, Scope(everything=True)),
            results=results,
            marked=marked,
            completions=await completions.count(session),
        )
    finally:
        await session.rollback()


def total(figures: Iterable[Figures]) -> Figures:
    columns = zip(*map(msgspec.structs.astuple, figures), strict=True)
    return Figures(**dict(zip(Figures.__struct_fields__, map(sum, columns), strict=False)))


def planned(dataset: Dataset) -> Figures:
    """What the files amount to by the rule, without any database."""
    parts = partition(dataset.registrations)
    lessons = Counter((row.module, row.presentation) for row in dataset.assessments)
    presentation = {row.id: (row.module, row.presentation) for row in dataset.assessments}
    passed = {(*_key(row), row.learner) for row in dataset.registrations if row.outcome in PASSED}
    taken = sum((*presentation[row.assessment], row.learner) in passed for row in dataset.results)
    # who passed has finished every assessment, and the final result besides
    finished = sum(lessons[module, code] + 1 for module, code, _ in passed)
    learners = sum(part.learners for part in parts)
    return Figures(
        tenants=len(parts),
        users=learners + sum(1 + len(set(map(_key, part.registrations))) for part in parts),
        learners=learners,
        enrollments=len(dataset.registrations),
        results=len(dataset.results) - taken + finished,
        marked=sum(row.score is not None for row in dataset.results),
        completions=len(passed),
    )


def _key(row: Registration) -> tuple[str, str]:
    return row.module, row.presentation
