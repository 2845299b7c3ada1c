"""The kept figures are what counting anew would find, whatever was written, however often it was folded."""

import contextlib
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from academy import Academy
from harka import clock
from harka.learning import certificate, completion, enrollment, progress, user
from harka.learning.completion import CompletionEntry
from harka.learning.enrollment import WithdrawalEntry
from harka.learning.progress import ProgressEntry
from harka.learning.work import UnitOfWork
from harka.repositories import rollup
from harka.repositories.enrollment_list import EnrollmentFilter
from harka.repositories.rollup import Totals
from harka.storage.statement import Statement

COUNTED = Statement(
    "test.counted",
    """SELECT (SELECT count(*) FROM {schema}."user" WHERE tenant_id = $1) AS users,
      (SELECT count(*) FROM {schema}."user" WHERE tenant_id = $1 AND status = 'active') AS users_active,
      count(*) FILTER (WHERE status <> 'withdrawn') AS enrollments,
      count(*) FILTER (WHERE status = 'completed') AS completed,
      coalesce(sum(round(progress * 1000000)) FILTER (WHERE status <> 'withdrawn'), 0)::bigint AS progress
    FROM {schema}.enrollment WHERE tenant_id = $1""",
)
AGE = Statement(
    "test.age",
    "UPDATE {schema}.user_activity SET day = day - $2::int WHERE tenant_id = $1",
)
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["enroll", "withdraw", "progress", "many", "complete", "deactivate", "fold", "fail"]),
        st.integers(0, 2),
        st.sampled_from([0.0, 0.1, 1 / 3, 0.999999, 1.0]),
    ),
    max_size=14,
)


async def read(academy: Academy) -> Totals:
    async with academy.work(read_only=True) as work:
        return await rollup.read(work.session, window_days=30)


async def require_exact(academy: Academy) -> Totals:
    found = await read(academy)
    async with academy.work(read_only=True) as work:
        counted = await work.session.fetch_row(COUNTED)
    assert counted is not None
    expected = dict(counted)
    assert {name: getattr(found, name) for name in expected} == expected
    return found


async def test_a_tenant_without_anything_has_noughts(academy: Academy) -> None:
    found = await require_exact(academy)
    assert (found.users, found.enrollments, found.progress, found.active_users, found.dead_jobs) == (0,) * 5


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
async def test_figures_are_exact_after_whatever_was_done(
    academy: Academy, rival: Academy, steps: list[tuple[str, int, float]]
) -> None:
    untouched = await read(rival)
    subject = await academy.course()
    people = [await academy.user() for _ in range(3)]
    lessons = await academy.lessons(subject)
    for what, which, fraction in steps:
        await _do(academy, what, people[which].id, subject.id, [each.id for each in lessons], fraction)
        await require_exact(academy)
    assert (await read(rival)).users == untouched.users


async def _do(
    academy: Academy, what: str, person: UUID, subject: UUID, lessons: Sequence[UUID], fraction: float
) -> None:
    async with academy.work() as work:
        rows = await enrollment.list_page(work, EnrollmentFilter(user_id=person), after=None, first=10)
        current = [row.id for row in rows if row.status != "withdrawn"]
        if what == "fold":
            await rollup.fold(work.session)
        elif what == "deactivate":
            change = user.reactivate if fraction == 1 else user.deactivate
            await change(work, person)
        elif what == "enroll" and (await user.find_many(work, [person]))[person].status == "active":
            await enrollment.enroll(work, user_id=person, course_id=subject)
        elif current:
            await _study(work, what, current[0], lessons, fraction)


async def _study(
    work: UnitOfWork, what: str, enrolled: UUID, lessons: Sequence[UUID], fraction: float
) -> None:
    entries = [ProgressEntry(enrollment_id=enrolled, lesson_id=each, fraction=fraction) for each in lessons]
    if what == "withdraw":
        await enrollment.unenroll_many(work, [WithdrawalEntry(enrollment_id=enrolled)])
    elif what == "progress":
        await progress.record(work, enrollment_id=enrolled, lesson_id=lessons[0], fraction=fraction)
    elif what == "complete":
        await completion.complete_many(work, [CompletionEntry(enrollment_id=enrolled)])
    elif what == "many":
        await progress.record_many(work, entries)
    elif what == "fail":
        with contextlib.suppress(ZeroDivisionError):
            async with work.savepoint():
                await progress.record_many(work, entries)
                raise ZeroDivisionError


async def test_folding_leaves_the_sums_and_nothing_to_add(academy: Academy) -> None:
    await academy.user()
    before = await require_exact(academy)
    for _ in range(2):
        async with academy.work() as work:
            await rollup.fold(work.session)
        assert await academy.rows("rollup_change") == []
        assert (await require_exact(academy)).users == before.users == 1


async def test_who_got_further_is_active_for_as_many_days_as_the_window_has(academy: Academy) -> None:
    subject, person = await academy.course(), await academy.user()
    made, lessons = await academy.enrollment(person, subject), await academy.lessons(subject)
    await academy.enrollment(await academy.user(), subject)
    async with academy.work() as work:
        await progress.record(work, enrollment_id=made.id, lesson_id=lessons[0].id, fraction=0.5)
    for days, active in ((29, 1), (1, 0)):
        async with academy.work() as work:
            await work.session.execute(AGE, days)
        assert (await read(academy)).active_users == active
    # back again: the row is there already
    async with academy.work() as work:
        await progress.record(work, enrollment_id=made.id, lesson_id=lessons[0].id, fraction=0.75)
    assert (await read(academy)).active_users == 1


async def test_a_reading_says_when(academy: Academy) -> None:
    before = clock.now()
    found = await read(academy)
    assert before - timedelta(seconds=5) < found.as_of < clock.now() + timedelta(seconds=5)


async def test_certificates_that_end_soon_are_counted_until_they_are_revoked(academy: Academy) -> None:
    person, subject = await academy.user(), await academy.course(weights=(1,), certifies=True)
    taken = await academy.enrollment(person, subject)
    async with academy.work() as work:
        await completion.complete_many(work, [CompletionEntry(enrollment_id=taken.id)])
    assert (await read(academy)).expiring_certificates == 1
    async with academy.work() as work:
        (made,) = await certificate.list_page(work, user_id=person.id, after=None, first=2)
        await certificate.revoke(work, made.id, "X")
    assert (await read(academy)).expiring_certificates == 0
