"""Learn: people see what they take part in, and get further in it."""

from typing import Final

from caller import Caller, pick
from locust import task

_OWN: Final = """query OwnEnrollments { viewer { user { id enrollments(first: 20) { totalCount nodes {
  id status progress dueAt course { id code title } } } } } }"""
_DONE: Final = """query OwnProgress($id: ID!) { node(id: $id) { ... on Enrollment {
  id progress lessonProgress {
    fraction score occurredAt lesson { id title } } } } }"""
RECORD: Final = """mutation RecordProgress($input: RecordProgressInput!) { recordProgress(input: $input) {
  errors { code message } changed completed
  enrollment { id progress status } lessonProgress { fraction } } }"""
_STEP: Final = 0.05


class Learn(Caller):
    weight = 30

    def on_start(self) -> None:
        self._enrollment = pick(self.person.enrollments)
        self._lesson, self._fraction = 0, 0.0

    @task(3)
    def see_own_courses(self) -> None:
        self.ask("Learn: own enrollments", _OWN, {}, self.as_person)

    @task(2)
    def see_own_progress(self) -> None:
        self.ask("Learn: own progress", _DONE, {"id": self._enrollment.id}, self.as_person)

    @task(5)
    def get_further(self) -> None:
        self._fraction = min(self._fraction + _STEP, 1.0)
        entry = {
            "enrollmentId": self._enrollment.id,
            "lessonId": self._enrollment.lessons[self._lesson],
            "fraction": self._fraction,
        }
        self.ask("Learn: record progress", RECORD, {"input": entry}, self.as_person)
        if self._fraction == 1.0:
            self._lesson, self._fraction = (self._lesson + 1) % len(self._enrollment.lessons), 0.0
            if self._lesson == 0:
                self._enrollment = pick(self.person.enrollments)
