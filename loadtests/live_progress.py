"""LiveProgress: a program follows a course by server-sent events while learners get further in it.

Counted beside the requests: how long it takes from sending a progress to hearing of it.
"""

import json
import time
from typing import Any, Final

import gevent
from caller import Caller, pick
from gevent.event import Event
from learn import RECORD
from locust import task

_FOLLOW: Final = """subscription Follow($course: ID!) { progressChanged(courseId: $course) {
  resync enrollment { id progress status } } }"""
_STEP: Final = 0.01
_PATIENCE: Final = 10.0
_EVENT: Final = "LiveProgress: event"


class LiveProgress(Caller):
    weight = 10

    def on_start(self) -> None:
        self._enrollment = pick(self.person.enrollments)
        self._lesson, self._fraction = 0, 0.0
        self._open, self._heard = Event(), Event()
        self._stopping = False
        self._listener = gevent.spawn(self._listen)
        if not self._open.wait(_PATIENCE):
            self._tell("LiveProgress: follow", _PATIENCE, TimeoutError("the stream did not begin"))

    def on_stop(self) -> None:
        self._stopping = True
        self._listener.kill()

    @task
    def get_further(self) -> None:
        self._fraction += _STEP
        if self._fraction > 1.0:
            self._lesson, self._fraction = (self._lesson + 1) % len(self._enrollment.lessons), _STEP
        entry = {
            "enrollmentId": self._enrollment.id,
            "lessonId": self._enrollment.lessons[self._lesson],
            "fraction": self._fraction,
        }
        self._heard.clear()
        sent = time.perf_counter()
        data = self.ask("LiveProgress: record progress", RECORD, {"input": entry}, self.as_person)
        if data is None or not data["recordProgress"]["changed"]:
            # somebody else was further in the same lesson already: nobody hears of it
            return
        failure = None if self._heard.wait(_PATIENCE) else TimeoutError("the event did not come")
        self._tell(_EVENT, time.perf_counter() - sent, failure)

    def _listen(self) -> None:
        body = {"query": _FOLLOW, "variables": {"course": self._enrollment.course}}
        headers = {**self.as_program, "Accept": "text/event-stream"}
        answer = self.client.post(
            "/graphql", json=body, headers=headers, name="LiveProgress: follow", stream=True
        )
        began = time.perf_counter()
        # not iter_lines(): it waits for a kilobyte, and an event is shorter
        while answer.ok and (line := answer.stream.readline(b"\n")):
            self._open.set()
            if line.startswith(b"data: {"):
                self._hear(json.loads(line.removeprefix(b"data: ")))
        if not self._stopping:
            self._tell(_EVENT, time.perf_counter() - began, ConnectionError("the stream ended"))

    def _hear(self, event: dict[str, Any]) -> None:
        if event.get("errors"):
            self._tell(_EVENT, 0.0, ValueError(json.dumps(event["errors"])[:300]))
            return
        change = event["data"]["progressChanged"]
        if change["enrollment"] is not None and change["enrollment"]["id"] == self._enrollment.id:
            self._heard.set()

    def _tell(self, name: str, seconds: float, failure: Exception | None) -> None:
        self.environment.events.request.fire(
            request_type="SSE",
            name=name,
            response_time=seconds * 1000,
            response_length=0,
            exception=failure,
            context={},
        )
