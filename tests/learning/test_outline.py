from typing import Any

import pytest

from harka import clock
from harka.errors import ValidationError
from harka.ids import new_id
from harka.learning.outline import (
    LessonKind,
    LessonOutline,
    ModuleOutline,
    accept_modules,
    has_lesson,
    rows_of,
)


def one(**values: Any) -> tuple[ModuleOutline, ...]:
    return (ModuleOutline("M", (LessonOutline(**{"title": "L"} | values),)),)


@pytest.mark.parametrize("kind", list(LessonKind))
@pytest.mark.parametrize(("minutes", "weight"), [(None, 1.0), (0, 0.0), (100_000, 1_000_000.0), (1, 0.001)])
def test_the_bounds_are_inside(kind: LessonKind, minutes: int | None, weight: float) -> None:
    (module,) = accept_modules(one(kind=kind, duration_minutes=minutes, weight=weight))

    assert module.lessons == (LessonOutline("L", str(kind), minutes, weight),)
    assert type(module.lessons[0].kind) is str


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"title": ""}, "title"),
        ({"kind": "READING"}, "kind"),
        ({"duration_minutes": -1}, "durationMinutes"),
        ({"duration_minutes": 100_001}, "durationMinutes"),
        ({"weight": -1.0}, "weight"),
        ({"weight": 0.0001}, "weight"),
        ({"weight": float("nan")}, "weight"),
        ({"weight": float("inf")}, "weight"),
    ],
)
def test_what_is_outside_names_its_place(values: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as caught:
        accept_modules(one(**values))

    assert caught.value.field == f"modules.0.lessons.0.{field}"


def test_an_outline_has_an_end() -> None:
    with pytest.raises(ValidationError):
        accept_modules(tuple(ModuleOutline("M") for _ in range(201)))
    with pytest.raises(ValidationError):
        accept_modules((ModuleOutline("M", tuple(LessonOutline("L") for _ in range(501))),))


def test_an_outline_has_a_lesson_or_not() -> None:
    assert has_lesson(one())
    assert not has_lesson((ModuleOutline("M"),))


def test_rows_are_numbered_in_order() -> None:
    course, now = new_id(), clock.now()
    modules, lessons = rows_of(
        course, (ModuleOutline("A", (LessonOutline("1"), LessonOutline("2"))), ModuleOutline("B")), now
    )

    assert [(each.title, each.position) for each in modules] == [("A", 0), ("B", 1)]
    assert [(each.title, each.position, each.module_id) for each in lessons] == [
        ("1", 0, modules[0].id),
        ("2", 1, modules[0].id),
    ]
    assert {each.course_id for each in modules} | {each.course_id for each in lessons} == {course}
