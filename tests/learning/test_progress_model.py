"""Whatever happens to an enrollment, in whatever order: it is what a simple model in memory says.

Each example is a walk: the next step is drawn while the ones before it are done, from all there are.
"""

import math
import sys
from datetime import timedelta
from fractions import Fraction
from typing import TypeAlias
from uuid import UUID

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from academy import Academy
from harka import clock
from harka.errors import ConflictError
from harka.learning import bulk_enrollment, course, enrollment, progress, progress_batch, waiver
from harka.learning.bulk_enrollment import OnError
from harka.learning.course import CourseChanges
from harka.learning.enrollment import EnrollmentChanges
from harka.learning.progress import ProgressEntry
from harka.repositories.course import Course
from harka.repositories.enrollment import Enrollment
from harka.repositories.lesson import Lesson
from harka.repositories.user import User

WEIGHTS = (1.0, 2.0, 0.0, 5.0)
REQUIRED = (2,)
PLACES = st.integers(0, len(WEIGHTS) - 1)
FRACTIONS = st.sampled_from([0.0, 0.1, 0.25, 1 / 3, 0.5, 0.9, 0.999999, 1.0, 1.0])
SCORES = st.sampled_from([None, None, 0.0, 41.5, 100.0])
STEPS = st.lists(st.tuples(PLACES, FRACTIONS, SCORES), min_size=1, max_size=4)
PERCENTS = st.sampled_from([0, 1, 25, 62, 63, 100])


Step: TypeAlias = tuple[int, float, float | None]
"""Of a lesson: how far, and how it was marked."""


class Model:
    """One person in one course. What is told of learning is of the current enrollment.

    `mark`: of its completion; None when nothing was marked until then.
    """

    def __init__(self, percent: int) -> None:
        self.percent = percent
        self.enrolled = self.expired = False
        self.begin()

    def begin(self) -> None:
        self.fractions = [Fraction(0)] * len(WEIGHTS)
        self.scores: list[float | None] = [None] * len(WEIGHTS)
        self.progress, self.completed, self.waived = 0.0, False, set[int]()
        self.mark: float | None = None

    def enroll(self) -> None:
        """Whoever is, though their access has ended, may go on; unless said otherwise, without an end."""
        if not self.enrolled:
            self.begin()
        self.enrolled, self.expired = True, False

    def withdraw(self) -> bool:
        """Whether it is done: who completed stays."""
        if self.enrolled and not self.completed:
            self.enrolled = False
            return True
        return False

    def advance(self, steps: list[Step]) -> None:
        before = [*self.fractions], [*self.scores]
        for place, fraction, score in steps:
            self.fractions[place] = max(self.fractions[place], Fraction(str(round(fraction, 6))))
            known = self.scores[place]
            if score is not None and (known is None or score > known):
                self.scores[place] = score
        if (self.fractions, self.scores) != before:
            self.recount()

    def recount(self) -> None:
        share = sum(Fraction(w) * f for w, f in zip(WEIGHTS, self.fractions, strict=True))
        share /= Fraction(sum(WEIGHTS))
        self.progress = math.floor(share * 1_000_000) / 1_000_000
        required = all(self.fractions[place] == 1 for place in REQUIRED)
        if not self.completed and required and share * 100 >= self.percent:
            self.completed, self.mark = True, self.average()

    def average(self) -> float | None:
        marked = [(w, s) for w, s in zip(WEIGHTS, self.scores, strict=True) if s is not None]
        weight = sum(w for w, _ in marked)
        return sum(w * s for w, s in marked) / weight if weight else None


class World:
    """The same in the database."""

    def __init__(self, academy: Academy, learner: User, subject: Course, lessons: list[Lesson]) -> None:
        self.academy, self.learner, self.subject, self.lessons = academy, learner, subject, lessons
        self.current: UUID | None = None
        self.ended: dict[UUID, Enrollment] = {}

    def entries(self, steps: list[Step]) -> list[ProgressEntry]:
        assert self.current is not None
        return [
            ProgressEntry(
                enrollment_id=self.current, lesson_id=self.lessons[place].id, fraction=fraction, score=score
            )
            for place, fraction, score in steps
        ]

    async def enroll(self, *, many: bool) -> None:
        async with self.academy.work() as work:
            if many:
                outcome = await bulk_enrollment.enroll(
                    work, self.subject.id, [self.learner.id], on_error=OnError.REJECT_EVERYTHING
                )
                (fate,) = outcome.fates
                assert fate.enrollment is not None
                found, created = fate.enrollment, fate.created
            else:
                done = await enrollment.enroll(work, user_id=self.learner.id, course_id=self.subject.id)
                found, created = done.enrollment, done.created
        assert created == (found.id != self.current)
        assert found.id not in self.ended
        self.current = found.id

    async def record(self, steps: list[Step], how: str) -> str | None:
        """The code of what refused it."""
        entries = self.entries(steps)
        try:
            async with self.academy.work() as work:
                if how == "batch":
                    batch = await progress_batch.record(work, entries)
                    codes = {None if fate.refused is None else fate.refused.code for fate in batch.fates}
                    assert len(codes) == 1
                    return codes.pop()
                if how == "many":
                    await progress.record_many(work, entries)
                    return None
                for each in entries:
                    await progress.record(
                        work,
                        enrollment_id=each.enrollment_id,
                        lesson_id=each.lesson_id,
                        fraction=each.fraction,
                        score=each.score,
                    )
        except ConflictError as error:
            return error.code
        return None

    async def withdraw(self) -> bool:
        assert self.current is not None
        try:
            async with self.academy.work() as work:
                self.ended[self.current] = await enrollment.unenroll(work, self.current)
        except ConflictError:
            return False
        self.current = None
        return True

    async def waive(self, place: int) -> bool:
        assert self.current is not None
        async with self.academy.work() as work:
            done = await waiver.waive(
                work, enrollment_id=self.current, lesson_id=self.lessons[place].id, reason="It is known"
            )
        return done.changed

    async def expire(self, *, expired: bool) -> None:
        assert self.current is not None
        moment = clock.now() + (timedelta(seconds=-1) if expired else timedelta(days=1))
        async with self.academy.work() as work:
            await enrollment.update(work, self.current, EnrollmentChanges(expires_at=moment))

    async def rule(self, percent: int) -> None:
        async with self.academy.work() as work:
            self.subject = await course.update(
                work,
                self.subject.id,
                CourseChanges(completion_percent=percent),
                version=self.subject.version,
            )
            await progress.recount(work, self.subject.id)

    async def agrees(self, model: Model) -> None:
        rows = {UUID(row["id"]): row for row in await self.academy.rows("enrollment")}
        rows = {id_: row for id_, row in rows.items() if row["user_id"] == str(self.learner.id)}
        completions = {row["enrollment_id"]: row["score"] for row in await self.academy.rows("completion")}
        assert rows.keys() == self.ended.keys() | ({self.current} if self.current else set())
        for id_, ended in self.ended.items():
            assert (rows[id_]["status"], rows[id_]["progress"]) == ("withdrawn", ended.progress)
            assert str(id_) not in completions
        assert (self.current is not None) == model.enrolled
        if self.current is None:
            return
        row = rows[self.current]
        assert abs(row["progress"] - model.progress) <= 1e-6 + sys.float_info.epsilon
        assert row["status"] == ("completed" if model.completed else "active")
        assert (str(self.current) in completions) == model.completed
        assert completions.get(str(self.current)) == pytest.approx(model.mark)
        assert (row["completed_at"] is not None) == model.completed
        waived = {
            each["lesson_id"]
            for each in await self.academy.rows("lesson_progress")
            if each["enrollment_id"] == str(self.current) and each["waived_at"]
        }
        assert waived == {str(self.lessons[place].id) for place in model.waived}


STATES = ["enroll", "bulk", "withdraw", "one", "many", "batch", "waive", "expire", "extend", "rule"]


async def step(world: World, model: Model, name: str, data: st.DataObject) -> None:
    """One thing that happens, to both."""
    event(name)
    if name in {"enroll", "bulk"}:
        model.enroll()
        await world.enroll(many=name == "bulk")
    elif name == "rule":
        model.percent = data.draw(PERCENTS)
        if model.enrolled:
            model.recount()
        await world.rule(model.percent)
    elif not model.enrolled:
        return
    elif name == "withdraw":
        assert await world.withdraw() == model.withdraw()
    elif name in {"expire", "extend"}:
        model.expired = name == "expire"
        await world.expire(expired=model.expired)
    elif name == "waive":
        place = data.draw(PLACES)
        news = model.fractions[place] < 1
        if news:
            model.waived.add(place)
        model.advance([(place, 1.0, None)])
        assert await world.waive(place) == news
    else:
        await learn(world, model, name, data.draw(STEPS))


async def learn(world: World, model: Model, how: str, steps: list[Step]) -> None:
    assert await world.record(steps, how) == ("CONFLICT" if model.expired else None)
    if not model.expired:
        # one by one: what is marked after the step that completes the course is not in the course's mark
        for part in [[each] for each in steps] if how == "one" else [steps]:
            model.advance(part)


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    print_blob=True,
)
@given(data=st.data())
async def test_a_walk_follows_the_model(academy: Academy, data: st.DataObject) -> None:
    percent = data.draw(PERCENTS)
    learner = await academy.user()
    subject = await academy.course(weights=WEIGHTS, required=REQUIRED, percent=percent)
    world, model = World(academy, learner, subject, await academy.lessons(subject)), Model(percent)
    for name in ["enroll", *data.draw(st.lists(st.sampled_from(STATES), min_size=1, max_size=12))]:
        await step(world, model, name, data)
        await world.agrees(model)
