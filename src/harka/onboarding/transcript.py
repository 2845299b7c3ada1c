"""How a learner fared: one enrollment with its steps and its end (`docs/demo-data.md`, rule 3).

A submitted assessment is a finished lesson, whatever its score. Pass and Distinction complete the course:
every lesson still open, and the one named "Final result", is credited on the day of the result. Nobody else
finishes that lesson, so progress is 1 exactly where the enrollment is completed, even for those who submitted
everything and failed.
"""

import enum
from collections.abc import Iterable, Mapping
from datetime import datetime

import msgspec

from harka.onboarding.curriculum import TaughtCourse
from harka.onboarding.dataset import Outcome, Registration, Result
from harka.onboarding.presentation import moment


class End(enum.Enum):
    """`OPEN`: a failed enrollment stays with the progress it reached, past its due date."""

    COMPLETED = "completed"
    WITHDRAWN = "withdrawn"
    OPEN = "open"


_ENDS = {
    Outcome.PASS: End.COMPLETED,
    Outcome.DISTINCTION: End.COMPLETED,
    Outcome.WITHDRAWN: End.WITHDRAWN,
    Outcome.FAIL: End.OPEN,
}


class Step(msgspec.Struct, frozen=True, gc=False):
    """A finished lesson. `score`: 0 to 100; None when unmarked or credited."""

    lesson: int
    score: float | None
    at: datetime


class Transcript(msgspec.Struct, frozen=True):
    """`ended_at` is None exactly when `end` is `End.OPEN`."""

    learner: int
    course: TaughtCourse
    end: End
    ended_at: datetime | None
    steps: tuple[Step, ...]


def by_learner(results: Iterable[Result]) -> dict[tuple[int, int], Result]:
    """By (learner, assessment); an assessment is of one presentation, so the pair names an enrollment too."""
    return {(result.learner, result.assessment): result for result in results}


def transcript(
    registration: Registration, course: TaughtCourse, results: Mapping[tuple[int, int], Result]
) -> Transcript:
    learner, start = registration.learner, course.starts
    end = _ENDS[registration.outcome]
    found = [results.get((learner, key)) for key in course.keys]
    taken = [result for result in found if result is not None]
    steps = [Step(r.assessment, r.score, moment(start, r.day, learner, r.assessment)) for r in taken]
    last_day = max((result.day for result in taken), default=0)
    ended_at: datetime | None = None
    match end:
        case End.COMPLETED:
            # a resit can be marked long after the presentation: the result waits for it
            ended_at = moment(start, max(course.days, last_day + 1), learner)
            steps += _credited(course, taken, ended_at)
        case End.WITHDRAWN:
            # the tables at hand do not say when: the day after the last sign of life
            ended_at = moment(start, max(last_day, 0) + 1, learner)
        case End.OPEN:
            pass
    return Transcript(learner=learner, course=course, end=end, ended_at=ended_at, steps=tuple(steps))


def _credited(course: TaughtCourse, taken: list[Result], at: datetime) -> list[Step]:
    done = {result.assessment for result in taken}
    return [Step(key, None, at) for key in course.keys if key not in done]
