"""What is taught: a presentation is a course, its assessments are lessons (`docs/demo-data.md`, rule 2)."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec

from harka.learning.course import CourseDraft
from harka.learning.outline import LessonKind, LessonOutline, ModuleOutline
from harka.onboarding.dataset import Assessment, Presentation
from harka.onboarding.presentation import month, starts

RESULT = 0
"""The key of the lesson that stands for the final result; no assessment has this id."""

_MODULES = {
    "TMA": ("Tutor-marked assignments", "Tutor-marked assignment", LessonKind.ASSIGNMENT),
    "CMA": ("Computer-marked assignments", "Computer-marked assignment", LessonKind.QUIZ),
    "Exam": ("Examination", "Exam", LessonKind.EXAM),
}
_RESULT_MODULE = ModuleOutline("Result", (LessonOutline("Final result", LessonKind.EXAM),))
# some assessments count nothing towards the mark; they are work all the same and move the progress
_LEAST_WEIGHT = 1.0


class TaughtCourse(msgspec.Struct, frozen=True):
    """`days`: how long it lasts. `keys`: of each lesson, in order: the id of its assessment, or `RESULT`."""

    draft: CourseDraft
    starts: datetime
    days: int
    keys: tuple[int, ...]

    @property
    def ends(self) -> datetime:
        """The last second of the presentation."""
        return self.starts + timedelta(days=self.days, seconds=-1)


def taught_courses(
    presentations: Iterable[Presentation], assessments: Iterable[Assessment]
) -> dict[tuple[str, str], TaughtCourse]:
    """By (module, presentation)."""
    grouped: dict[tuple[str, str], list[Assessment]] = defaultdict(list)
    for assessment in assessments:
        grouped[assessment.module, assessment.presentation].append(assessment)
    return {(p.module, p.code): _taught(p, grouped[p.module, p.code]) for p in presentations}


def _taught(presentation: Presentation, assessments: list[Assessment]) -> TaughtCourse:
    # an exam without a day is sat at the end
    ordered = sorted(
        assessments, key=lambda a: (presentation.days if a.day is None else a.day, a.weight, a.id)
    )
    by_kind = {kind: [a for a in ordered if a.kind == kind] for kind in _MODULES}
    module, when = presentation.module, month(presentation.code)
    return TaughtCourse(
        draft=CourseDraft(
            title=f"{module}, {when}",
            code=f"{module}-{presentation.code}",
            description=f"Open University module {module} as taught from {when}. "
            "The dataset does not give its real name; see docs/demo-data.md.",
            modules=(*(_module(kind, found) for kind, found in by_kind.items() if found), _RESULT_MODULE),
            published=True,
        ),
        starts=starts(presentation.code),
        days=presentation.days,
        keys=(*(a.id for found in by_kind.values() for a in found), RESULT),
    )


def _module(kind: str, assessments: list[Assessment]) -> ModuleOutline:
    title, lesson, lesson_kind = _MODULES[kind]
    numbered = len(assessments) > 1
    return ModuleOutline(
        title,
        tuple(
            LessonOutline(
                f"{lesson} {number}" if numbered else lesson,
                lesson_kind,
                weight=max(assessment.weight, _LEAST_WEIGHT),
            )
            for number, assessment in enumerate(assessments, 1)
        ),
    )
