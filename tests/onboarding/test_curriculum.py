from datetime import UTC, datetime

import pytest

from harka.onboarding.curriculum import RESULT, TaughtCourse, taught_courses
from harka.onboarding.dataset import read


@pytest.fixture(scope="module")
def courses() -> dict[tuple[str, str], TaughtCourse]:
    dataset = read()
    return taught_courses(dataset.presentations, dataset.assessments)


def test_every_presentation_is_a_course(courses: dict[tuple[str, str], TaughtCourse]) -> None:
    assert len(courses) == 22
    assert len({course.draft.code for course in courses.values()}) == 22
    assert courses["BBB", "2013J"].draft.code == "BBB-2013J"
    assert courses["BBB", "2013J"].draft.title == "BBB, October 2013"


def test_every_assessment_is_a_lesson_and_every_course_ends_with_its_result(
    courses: dict[tuple[str, str], TaughtCourse],
) -> None:
    keys = [key for course in courses.values() for key in course.keys]
    assert len([key for key in keys if key != RESULT]) == len(set(keys) - {RESULT}) == 206
    assert all(course.keys[-1] == RESULT for course in courses.values())


def test_lessons_are_grouped_by_type_and_ordered_by_day(
    courses: dict[tuple[str, str], TaughtCourse],
) -> None:
    course = courses["CCC", "2014B"]
    assert [(m.title, [lesson.title[-1] for lesson in m.lessons]) for m in course.draft.modules] == [
        ("Tutor-marked assignments", ["1", "2", "3", "4"]),
        ("Computer-marked assignments", ["1", "2", "3", "4"]),
        ("Examination", ["1", "2"]),
        ("Result", ["t"]),
    ]
    assert course.keys == (24282, 24283, 24284, 24285, 24286, 24287, 24288, 24289, 24290, 40087, RESULT)


def test_there_is_a_key_for_every_lesson(courses: dict[tuple[str, str], TaughtCourse]) -> None:
    for course in courses.values():
        assert len(course.keys) == sum(len(module.lessons) for module in course.draft.modules)


def test_a_type_that_does_not_occur_makes_no_module(courses: dict[tuple[str, str], TaughtCourse]) -> None:
    assert [m.title for m in courses["AAA", "2013J"].draft.modules] == [
        "Tutor-marked assignments",
        "Examination",
        "Result",
    ]


def test_every_lesson_has_weight(courses: dict[tuple[str, str], TaughtCourse]) -> None:
    assert (
        min(lesson.weight for c in courses.values() for m in c.draft.modules for lesson in m.lessons) == 1.0
    )


def test_a_course_ends_with_its_last_day(courses: dict[tuple[str, str], TaughtCourse]) -> None:
    assert courses["BBB", "2013J"].ends == datetime(2014, 6, 25, 23, 59, 59, tzinfo=UTC)
