import io
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from harka import logs
from harka.config import Settings
from harka.errors import ForbiddenError
from harka.graph.answer import UNTOLD, Answer, Answers, failed
from harka.graph.context import RequestContext
from harka.graph.subscriptions.event import Notice, Notices
from harka.pubsub import Event

FORBIDDEN = failed(ForbiddenError(), "r")


class Heard(Notice, frozen=True):
    number: int

    async def is_visible(self, context: RequestContext) -> bool:
        return True


async def events(count: int) -> AsyncIterator[Event]:
    for number in range(count):
        yield Event({"number": number})


def told(*answers: Answer | None) -> Answers:
    """What a listener gets who is to be given `answers`, one for each event; then the process stops."""

    async def answer(notice: Notice) -> Answer | None:
        assert isinstance(notice, Heard)
        return answers[notice.number]

    def read(event: Event) -> Notice:
        return Heard(event.payload["number"])

    return Answers(Notices(AsyncExitStack(), events(len(answers)), read), answer)


async def heard(answers: Answers) -> list[Any]:
    return [answer.body.get("data", answer.code) async for answer in answers]


@pytest.mark.parametrize(
    ("answers", "hears", "interrupted"),
    [
        ((), [], True),
        ((Answer(body={"data": 1}), UNTOLD, Answer(body={"data": 2})), [1, 2], True),
        ((Answer(body={"data": 1}), None, Answer(body={"data": 2})), [1], False),
        ((FORBIDDEN, Answer(body={"data": 2})), ["FORBIDDEN"], False),
    ],
    ids=["none", "not theirs", "not visible any more", "failure"],
)
async def test_a_listener_is_told_until_they_may_not_be(
    answers: tuple[Answer | None, ...], hears: list[Any], *, interrupted: bool
) -> None:
    listening = told(*answers)

    assert await heard(listening) == hears
    assert listening.interrupted == interrupted
    assert await heard(listening) == []


def test_a_failure_tells_what_it_is_and_a_bug_does_not() -> None:
    log = io.StringIO()
    with logs.writing(Settings(), log):
        bug = failed(RuntimeError("a secret of ours"), "r")

    assert (FORBIDDEN.code, bug.code) == ("FORBIDDEN", "INTERNAL")
    assert b"secret" not in bug.json()
    assert "a secret of ours" in log.getvalue()
