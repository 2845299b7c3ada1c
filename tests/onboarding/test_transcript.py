from collections import Counter

import pytest

from harka.onboarding.curriculum import RESULT, TaughtCourse, taught_courses
from harka.onboarding.dataset import Assessment, Outcome, Presentation, Registration, Result, read
from harka.onboarding.presentation import starts
from harka.onboarding.transcript import End, Transcript, by_learner, transcript

COURSE = taught_courses(
    [Presentation("AAA", "2013J", 268)],
    [Assessment(1, "AAA", "2013J", "TMA", 19, 10.0), Assessment(2, "AAA", "2013J", "Exam", None, 100.0)],
)["AAA", "2013J"]


def fared(outcome: Outcome, *results: Result, course: TaughtCourse = COURSE) -> Transcript:
    registration = Registration("AAA", "2013J", 7, "Wales", outcome)
    return transcript(registration, course, by_learner(results))


@pytest.mark.parametrize("outcome", [Outcome.PASS, Outcome.DISTINCTION])
def test_who_passed_has_finished_every_lesson(outcome: Outcome) -> None:
    made = fared(outcome, Result(1, 7, 18, 78.0))
    assert made.end is End.COMPLETED
    assert [(step.lesson, step.score) for step in made.steps] == [(1, 78.0), (2, None), (RESULT, None)]


def test_credited_lessons_are_finished_when_the_result_is_known() -> None:
    made = fared(Outcome.PASS, Result(1, 7, 18, 78.0))
    assert [step.at == made.ended_at for step in made.steps] == [False, True, True]
    assert made.ended_at is not None
    assert made.ended_at > COURSE.ends


def test_a_late_resit_delays_the_result() -> None:
    made = fared(Outcome.PASS, Result(2, 7, 400, 55.0))
    assert made.ended_at is not None
    assert (made.ended_at - COURSE.starts).days == 401


def test_who_failed_keeps_an_open_enrollment_even_with_every_assessment_submitted() -> None:
    made = fared(Outcome.FAIL, Result(1, 7, 18, 30.0), Result(2, 7, 267, 20.0))
    assert (made.end, made.ended_at) == (End.OPEN, None)
    assert [step.lesson for step in made.steps] == [1, 2]


def test_who_withdrew_left_the_day_after_the_last_result() -> None:
    made = fared(Outcome.WITHDRAWN, Result(1, 7, 18, 78.0))
    assert made.end is End.WITHDRAWN
    assert made.ended_at is not None
    assert (made.ended_at - COURSE.starts).days == 19


def test_who_never_submitted_left_on_the_second_day() -> None:
    made = fared(Outcome.WITHDRAWN)
    assert made.ended_at is not None
    assert (made.ended_at - COURSE.starts).days == 1


def test_a_banked_result_counts_from_the_first_day() -> None:
    made = fared(Outcome.WITHDRAWN, Result(1, 7, -1, 78.0))
    assert made.steps[0].at.date() == starts("2013J").date()


def test_results_of_others_and_of_other_courses_are_left_out() -> None:
    assert fared(Outcome.FAIL, Result(1, 8, 18, 78.0), Result(9, 7, 18, 78.0)).steps == ()


def test_the_whole_dataset_keeps_its_counts() -> None:
    dataset = read()
    courses = taught_courses(dataset.presentations, dataset.assessments)
    results = by_learner(dataset.results)
    made = [transcript(row, courses[row.module, row.presentation], results) for row in dataset.registrations]
    assert Counter(t.end for t in made) == {End.COMPLETED: 15_385, End.WITHDRAWN: 10_156, End.OPEN: 7_052}
    # 173,912 real results; 18,405 assessments and 15,385 final results credited to those who passed
    assert sum(len(t.steps) for t in made) == 173_912 + 18_405 + 15_385
    assert all((t.end is End.COMPLETED) == (len(t.steps) == len(t.course.keys)) for t in made)
    assert all(
        step.at >= t.course.starts and (t.ended_at is None or step.at <= t.ended_at)
        for t in made
        for step in t.steps
    )
