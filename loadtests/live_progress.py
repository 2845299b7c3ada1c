"""LiveProgress: a program follows a course by server-sent events while learners get further in it.

Counted beside the requests: how long it takes from sending a progress to hearing of it, and each stream that
ended before its time (refused, restarted), which is begun again.
"""

import contextlib
import json
import random
import time
from http import HTTPStatus
from typing import Any, Final

import gevent
from caller import Caller, pick
from gevent.event import Event
from learn import RECORD
from locust import task
from locust.contrib.fasthttp import FAILURE_EXCEPTIONS

_FOLLOW: Final = """subscription Follow($course: ID!) { progressChanged(courseId: $course) {
  resync enrollment { id progress status } } }"""
_STEP: Final = 0.01
_PATIENCE: Final = 10.0
_FIRST_PAUSE: Final = 0.25
_LAST_PAUSE: Final = 8.0
"""Seconds until a stream that ended is begun again: each time twice as long."""
_EVENT: Final = "LiveProgress: event"


class LiveProgress(Caller):
    weight = 10

    def on_start(self) -> None:
        self._enrollment = pick(self.person.enrollments)
        self._lesson, self._fraction = 0, 0.0
        self._open, self._heard = Event(), Event()
        self._stopping = False
        self._ended = 0
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
        was_open, ended = self._open.is_set(), self._ended
        sent = time.perf_counter()
        data = self.ask("LiveProgress: record progress", RECORD, {"input": entry}, self.as_person)
        if data is None or not data["recordProgress"]["changed"] or not was_open:
            # somebody else was further in the same lesson already, or nobody listens: nobody hears of it
            return
        failure = None if self._heard.wait(_PATIENCE) else TimeoutError("the event did not come")
        if self._ended != ended:
            # that the stream ended is counted once, where it ended
            return
        self._tell(_EVENT, time.perf_counter() - sent, failure)

    def _listen(self) -> None:
        """Follow for as long as this one is at work: a stream that ended is begun again, after a while."""
        pause = _FIRST_PAUSE
        while True:
            began = time.perf_counter()
            self._follow()
            if self._stopping:
                return
            lasted = time.perf_counter() - began
            self._end()
            self._tell("LiveProgress: stream", lasted, ConnectionError("the stream ended"))
            if lasted > _LAST_PAUSE:
                pause = _FIRST_PAUSE
            # many begin again, and not in step
            gevent.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - chance
            pause = min(2.0 * pause, _LAST_PAUSE)

    def _follow(self) -> None:
        """Return when the stream ends, or does not begin."""
        body = {"query": _FOLLOW, "variables": {"course": self._enrollment.course}}
        headers = {**self.as_program, "Accept": "text/event-stream"}
        answer = self.client.post(
            "/graphql", json=body, headers=headers, name="LiveProgress: follow", stream=True
        )
        if answer.status_code != HTTPStatus.OK:
            return
        with contextlib.suppress(*FAILURE_EXCEPTIONS):
            # not iter_lines(): it waits for a kilobyte, and an event is shorter
            while line := answer.stream.readline(b"\n"):
                self._open.set()
                if line.startswith(b"data: {"):
                    self._hear(json.loads(line.removeprefix(b"data: ")))

    def _end(self) -> None:
        """Nobody is to wait for what this stream would have told."""
        self._open.clear()
        self._ended += 1
        self._heard.set()

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
