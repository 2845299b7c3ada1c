"""The questions of an attempt: kept as JSON with what is right, and shown without it until it may be told."""

import random
from collections.abc import Iterable, Sequence
from typing import Any, Final
from uuid import UUID

import msgspec

from harka.codec import from_json, json_bytes
from harka.learning.quiz_grading import Answer, Asked, is_correct
from harka.repositories.quiz_attempt import Sheet
from harka.repositories.quiz_question import QuizQuestion

_CHANCE: Final = random.SystemRandom()


class AskedQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """A question as its reader may know it. `chosen`: places in `options`, like `correct_choices`.

    From `chosen` to `number`: None until it was answered so. From `is_correct` on: None until it may be told.
    """

    question_id: UUID
    kind: str
    prompt: str
    points: int
    options: list[str]
    chosen: list[int] | None
    said_true: bool | None
    text: str | None
    number: float | None
    is_correct: bool | None = None
    correct_choices: list[int] | None = None
    is_true: bool | None = None
    correct_number: float | None = None
    tolerance: float | None = None
    accepted_texts: list[str] | None = None


def written(questions: Sequence[QuizQuestion], *, shuffled: bool) -> str:
    """The questions as an attempt keeps them. `shuffled`: each with its options in an order of chance."""
    return kept(_asked(each, shuffled=shuffled) for each in questions)


def kept(asked: Iterable[Asked]) -> str:
    return _as_json(asked)


def asked_of(text: str) -> list[Asked]:
    """What `kept` wrote."""
    return msgspec.convert(from_json(text), list[Asked])


def written_answers(answers: Iterable[Answer]) -> str:
    return _as_json(answers)


def shown(sheet: Sheet, *, told: bool) -> list[AskedQuestion]:
    """`told`: whether the reader may know what is right."""
    given = [] if sheet.answers is None else msgspec.convert(from_json(sheet.answers), list[Answer])
    answers = {each.question_id: each for each in given}
    asked = asked_of(sheet.questions)
    plain = [_shown(each, answers.get(each.id)) for each in asked]
    if not told:
        return plain
    return [_told(question, each, answers.get(each.id)) for question, each in zip(plain, asked, strict=True)]


def _asked(question: QuizQuestion, *, shuffled: bool) -> Asked:
    places = list(range(len(question.options)))
    if shuffled:
        _CHANCE.shuffle(places)
    right = set(question.correct_choices)
    return Asked(
        id=question.id,
        kind=question.kind,
        prompt=question.prompt,
        points=question.points,
        options=[question.options[place] for place in places],
        correct_choices=[new for new, old in enumerate(places) if old in right],
        is_true=question.is_true,
        correct_number=question.correct_number,
        tolerance=question.tolerance,
        accepted_texts=question.accepted_texts,
    )


def _shown(asked: Asked, answer: Answer | None) -> AskedQuestion:
    return AskedQuestion(
        question_id=asked.id,
        kind=asked.kind,
        prompt=asked.prompt,
        points=asked.points,
        options=asked.options,
        chosen=None if answer is None else answer.choices,
        said_true=None if answer is None else answer.is_true,
        text=None if answer is None else answer.text,
        number=None if answer is None else answer.number,
    )


def _told(question: AskedQuestion, asked: Asked, answer: Answer | None) -> AskedQuestion:
    """With what is right, of what its kind has."""
    told: AskedQuestion = msgspec.structs.replace(
        question,
        is_correct=is_correct(asked, answer),
        correct_choices=asked.correct_choices or None,
        is_true=asked.is_true,
        correct_number=asked.correct_number,
        tolerance=asked.tolerance,
        accepted_texts=asked.accepted_texts or None,
    )
    return told


def _as_json(structs: Iterable[Any]) -> str:
    return json_bytes([msgspec.structs.asdict(each) for each in structs]).decode()
