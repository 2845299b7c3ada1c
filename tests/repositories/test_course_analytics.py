from academy import Academy
from harka.learning import completion, enrollment, progress
from harka.learning.completion import CompletionEntry
from harka.repositories import course_analytics


async def test_people_are_counted_where_they_are(academy: Academy, rival: Academy) -> None:
    subject = await academy.course(weights=(1, 1, 1))
    first, second, third = await academy.lessons(subject)
    enrolled = [await academy.enrollment(await academy.user(), subject) for _ in range(6)]
    idle, begun, beyond, done, gone, decided = enrolled
    async with academy.work() as work:
        for each, lesson, fraction in (
            (begun, first, 0.5),
            (beyond, first, 1),
            (beyond, second, 0.75),
            *((done, lesson, 1) for lesson in (first, second, third)),
            (gone, first, 1),
            (decided, third, 0.1),
        ):
            await progress.record(work, enrollment_id=each.id, lesson_id=lesson.id, fraction=fraction)
        await enrollment.unenroll(work, gone.id)
        await completion.complete_many(work, [CompletionEntry(enrollment_id=decided.id)])

    async with academy.work(read_only=True) as work:
        funnel = await course_analytics.funnel(work.session, subject.id)
        lessons = await course_analytics.lessons(work.session, subject.id)
    counts = (funnel.enrolled, funnel.started, funnel.halfway, funnel.completed, funnel.withdrawn)
    assert counts == (5, 4, 2, 2, 1)
    assert funnel.median_seconds is not None
    assert funnel.slow_seconds is not None
    assert 0 <= funnel.median_seconds <= funnel.slow_seconds < 60
    assert [(each.lesson_id, each.begun, each.finished, each.stopped) for each in lessons] == [
        (first.id, 3, 2, 1),
        (second.id, 2, 1, 1),
        (third.id, 2, 1, 0),
    ]
    assert idle.id not in (begun.id, beyond.id)

    async with rival.work(read_only=True) as work:
        assert (await course_analytics.funnel(work.session, subject.id)).enrolled == 0
        assert list(await course_analytics.lessons(work.session, subject.id)) == []


async def test_a_course_without_anybody_has_noughts(academy: Academy) -> None:
    subject = await academy.course()
    async with academy.work(read_only=True) as work:
        funnel = await course_analytics.funnel(work.session, subject.id)
        lessons = await course_analytics.lessons(work.session, subject.id)
    assert (funnel.enrolled, funnel.completed, funnel.median_seconds, funnel.slow_seconds) == (
        0,
        0,
        None,
        None,
    )
    assert [(each.begun, each.finished, each.stopped) for each in lessons] == [(0, 0, 0)] * 2
