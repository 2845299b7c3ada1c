from academy import Academy
from harka.learning import enrollment, progress
from harka.worker.handlers.course import RecountCourse, recount


async def test_only_the_course_is_recounted(academy: Academy) -> None:
    made = []
    for _ in range(2):
        subject, learner = await academy.course(), await academy.user()
        enrolled = await academy.enrollment(learner, subject)
        lesson = (await academy.lessons(subject))[0]
        async with academy.work() as work:
            await progress.record(work, enrollment_id=enrolled.id, lesson_id=lesson.id, fraction=1)
        made.append(enrolled)
    state = await academy.state()

    async with academy.work() as work:
        await recount(work, RecountCourse(made[0].course_id))

    assert academy.statements == 2
    assert await academy.state() == state, "it was right already"
    async with academy.work(read_only=True) as work:
        assert {
            each.progress for each in (await enrollment.find_many(work, [e.id for e in made])).values()
        } == {0.5}
