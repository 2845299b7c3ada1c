"""Questions as an attempt asks them, and what answers are worth. Nothing here reads or writes anything."""

import enum
import math
import unicodedata
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Final
from uuid import UUID

import msgspec

from harka.errors import ValidationError
from harka.learning.text import accept_text

LONGEST_ANSWER: Final = 1000
WHOLE: Final = 100
"""Percent."""


class QuestionKind(enum.StrEnum):
    SINGLE = "single"
    MULTIPLE = "multiple"
    TRUE_FALSE = "true_false"
    SHORT = "short"
    NUMERIC = "numeric"


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A question of an attempt, as it was at the start, with what is right; see `QuizQuestion`."""

    id: UUID
    kind: str
    prompt: str
    points: int
    options: list[str] = []
    correct_choices: list[int] = []
    is_true: bool | None = None
    correct_number: float | None = None
    tolerance: float | None = None
    accepted_texts: list[str] = []


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What a learner said to a question: the one that its kind takes. `choices`: places in its options."""

    question_id: UUID
    choices: list[int] | None = None
    is_true: bool | None = None
    text: str | None = None
    number: float | None = None


class Marks(msgspec.Struct, frozen=True):
    """`percent`: 0 to 100."""

    earned: int
    points: int
    percent: float
    passed: bool


def accept_answers(asked: Sequence[Asked], answers: Sequence[Answer]) -> dict[UUID, Answer]:
    """By question. What is refused depends on what the learner sees of the questions, never on what is right.

    Raise `ValidationError` naming the place, as in `answers.3.choices`.
    """
    if len(answers) > len(asked):
        raise ValidationError("There are more answers than questions.", field="answers")
    questions = {each.id: each for each in asked}
    accepted: dict[UUID, Answer] = {}
    for place, answer in enumerate(answers):
        at = f"answers.{place}"
        question = questions.get(answer.question_id)
        if question is None or answer.question_id in accepted:
            raise ValidationError(
                "Answer each question of the attempt once at most.", field=f"{at}.quizQuestionId"
            )
        accepted[answer.question_id] = _accepted(question, answer, at)
    return accepted


def grade(asked: Sequence[Asked], answers: Mapping[UUID, Answer], *, pass_percent: int) -> Marks:
    """All of a question's points for what is right, none for anything else, or for no answer.

    Exact: whether it is passed does not hang on how a percentage is rounded.
    """
    points = sum(each.points for each in asked)
    earned = sum(each.points for each in asked if is_correct(each, answers.get(each.id)))
    return Marks(
        earned=earned,
        points=points,
        percent=earned * WHOLE / points,
        passed=earned * WHOLE >= pass_percent * points,
    )


def is_correct(asked: Asked, answer: Answer | None) -> bool:
    """`answer`: one that was accepted; None for none."""
    if answer is None:
        return False
    if asked.kind == QuestionKind.TRUE_FALSE:
        return answer.is_true is asked.is_true
    if asked.kind == QuestionKind.SHORT:
        return _compared(answer.text or "") in {_compared(each) for each in asked.accepted_texts}
    if asked.kind == QuestionKind.NUMERIC:
        return _is_near(answer.number, asked.correct_number, asked.tolerance)
    return set(answer.choices or ()) == set(asked.correct_choices)


def _is_near(number: float | None, correct: float | None, tolerance: float | None) -> bool:
    """Of the decimals that were typed: 0.4 is within 0.1 of 0.3, which in binary it is not."""
    if number is None or correct is None:
        return False
    return abs(Fraction(repr(number)) - Fraction(repr(correct))) <= Fraction(repr(tolerance or 0.0))


def _compared(text: str) -> str:
    """Without what people do not mean: case, width, and how many spaces."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return " ".join(folded.split())


_TAKES: Final[Mapping[str, str]] = {
    QuestionKind.SINGLE: "choices",
    QuestionKind.MULTIPLE: "choices",
    QuestionKind.TRUE_FALSE: "is_true",
    QuestionKind.SHORT: "text",
    QuestionKind.NUMERIC: "number",
}
_FIELDS: Final[Mapping[str, str]] = {
    "choices": "choices",
    "is_true": "isTrue",
    "text": "text",
    "number": "number",
}


def _accepted(question: Asked, answer: Answer, at: str) -> Answer:
    taken = _TAKES[question.kind]
    for name, field in _FIELDS.items():
        if (getattr(answer, name) is not None) != (name == taken):
            raise ValidationError(
                f"A question of this kind is answered by `{_FIELDS[taken]}` alone.", field=f"{at}.{field}"
            )
    if answer.choices is not None:
        _accept_choices(question, answer.choices, f"{at}.choices")
    if answer.number is not None and not math.isfinite(answer.number):
        raise ValidationError("This is not a number.", field=f"{at}.number")
    if answer.text is not None:
        text = accept_text(answer.text, f"{at}.text", longest=LONGEST_ANSWER)
        return msgspec.structs.replace(answer, text=text)
    return answer


def _accept_choices(question: Asked, choices: Sequence[int], field: str) -> None:
    if question.kind == QuestionKind.SINGLE and len(choices) != 1:
        raise ValidationError("Choose one.", field=field)
    if len(set(choices)) != len(choices) or any(not 0 <= each < len(question.options) for each in choices):
        raise ValidationError("Choose of the options, each once.", field=field)
