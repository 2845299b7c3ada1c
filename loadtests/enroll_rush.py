"""EnrollRush: registration opens, and everybody is enrolled in the same few courses at once."""

from typing import Final

from caller import Caller, pick
from locust import task

_ENROLL: Final = """mutation Enroll($input: EnrollInput!) { enroll(input: $input) {
  errors { code message } created enrollment { id status enrolledAt } } }"""


class EnrollRush(Caller):
    weight = 10

    @task
    def enroll(self) -> None:
        pair = {"userId": pick(self.tenant.users), "courseId": pick(self.tenant.rush_courses)}
        self.ask("EnrollRush: enroll", _ENROLL, {"input": pair}, self.as_program)
