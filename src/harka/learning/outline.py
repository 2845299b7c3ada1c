"""What a course is made of, as an author gives it; it becomes rows in one piece."""

import enum
import math
from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from harka.errors import ValidationError
from harka.ids import new_id
from harka.learning.text import LONGEST_TITLE, accept_line
from harka.repositories.lesson import Lesson
from harka.repositories.module import Module

MOST_MODULES: Final = 200
MOST_LESSONS: Final = 500
"""Of one module."""
LONGEST_LESSON: Final = 100_000
"""Minutes."""
HEAVIEST_LESSON: Final = 1_000_000.0
LIGHTEST_LESSON: Final = 0.001


class LessonKind(enum.StrEnum):
    READING = "reading"
    VIDEO = "video"
    AUDIO = "audio"
    LIVE = "live"
    QUIZ = "quiz"
    ASSIGNMENT = "assignment"
    EXAM = "exam"


class LessonOutline(msgspec.Struct, frozen=True):
    """`weight`: share of the course's progress, 0.001 to 1,000,000, or 0 for an optional lesson.

    `required`: no completion of the course without it.
    """

    title: str
    kind: str = LessonKind.READING
    duration_minutes: int | None = None
    weight: float = 1.0
    required: bool = False


class ModuleOutline(msgspec.Struct, frozen=True):
    title: str
    lessons: tuple[LessonOutline, ...] = ()


def accept_modules(modules: tuple[ModuleOutline, ...]) -> tuple[ModuleOutline, ...]:
    """With texts stripped. Raise `ValidationError` naming the place, as in `modules.0.lessons.2.title`."""
    if len(modules) > MOST_MODULES:
        raise ValidationError(f"A course has at most {MOST_MODULES} modules.", field="modules")
    return tuple(_accept_module(module, f"modules.{place}") for place, module in enumerate(modules))


def has_lesson(modules: tuple[ModuleOutline, ...]) -> bool:
    return any(module.lessons for module in modules)


def rows_of(
    course_id: UUID, modules: tuple[ModuleOutline, ...], now: datetime
) -> tuple[list[Module], list[Lesson]]:
    """New rows for an accepted outline; places count from 0."""
    module_rows: list[Module] = []
    lesson_rows: list[Lesson] = []
    for place, module in enumerate(modules):
        module_id = new_id()
        module_rows.append(Module(module_id, course_id, place, module.title, now, now, 1))
        lesson_rows += [
            Lesson(
                id=new_id(),
                course_id=course_id,
                module_id=module_id,
                position=position,
                title=lesson.title,
                kind=lesson.kind,
                duration_minutes=lesson.duration_minutes,
                weight=lesson.weight,
                required=lesson.required,
                created_at=now,
                updated_at=now,
                version=1,
            )
            for position, lesson in enumerate(module.lessons)
        ]
    return module_rows, lesson_rows


def accept_minutes(minutes: int | None, field: str) -> int | None:
    if minutes is not None and not 0 <= minutes <= LONGEST_LESSON:
        raise ValidationError(f"Minutes are between 0 and {LONGEST_LESSON}.", field=field)
    return minutes


def accept_weight(weight: float, field: str) -> float:
    if not math.isfinite(weight) or not (weight == 0 or LIGHTEST_LESSON <= weight <= HEAVIEST_LESSON):
        raise ValidationError("A weight is 0, or between 0.001 and 1,000,000.", field=field)
    return weight


def accept_kind(kind: str, field: str) -> str:
    if kind not in _KINDS:
        raise ValidationError("There is no such kind of lesson.", field=field)
    return str(kind)


def accept_order(ids: Sequence[UUID], field: str, *, most: int) -> None:
    """Raise `ValidationError` for what cannot be the order of anything."""
    if len(ids) > most or len(set(ids)) != len(ids):
        raise no_order(field)


def no_order(field: str) -> ValidationError:
    return ValidationError("Give every one that is there now, each once.", field=field)


def _accept_module(module: ModuleOutline, at: str) -> ModuleOutline:
    if len(module.lessons) > MOST_LESSONS:
        raise ValidationError(f"A module has at most {MOST_LESSONS} lessons.", field=f"{at}.lessons")
    return ModuleOutline(
        accept_line(module.title, f"{at}.title", longest=LONGEST_TITLE),
        tuple(_accept_lesson(lesson, f"{at}.lessons.{place}") for place, lesson in enumerate(module.lessons)),
    )


def _accept_lesson(lesson: LessonOutline, at: str) -> LessonOutline:
    return LessonOutline(
        accept_line(lesson.title, f"{at}.title", longest=LONGEST_TITLE),
        accept_kind(lesson.kind, f"{at}.kind"),
        accept_minutes(lesson.duration_minutes, f"{at}.durationMinutes"),
        accept_weight(lesson.weight, f"{at}.weight"),
        lesson.required,
    )


_KINDS: Final = frozenset(LessonKind)
