import math
from fractions import Fraction
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harka.errors import ValidationError
from harka.ids import new_id
from harka.learning.quiz_grading import Answer, Asked, accept_answers, grade, is_correct

WORDS = st.sampled_from(["Road", "road ", "  ROAD", "Straße", "STRASSE", "straße", "Way", "w ay", "\uff37ay"])
# what those words are once nobody looks at case, width and spaces
MEANT = {"road": "road", "strasse": "strasse", "way": "way", "w ay": "w ay"}
# as an author types them: few digits, so that bounds are hit
NUMBERS = st.decimals(-3, 3, places=1).map(float)


def meaning(word: str) -> str:
    return MEANT[word.strip().lower().replace("ß", "ss").replace("\uff57", "w")]


@st.composite
def cases(draw: st.DrawFn) -> tuple[Asked, Answer | None, bool]:
    """A question, an answer that fits its kind, and by a model of its own whether that is right."""
    kind = draw(st.sampled_from(["single", "multiple", "true_false", "short", "numeric"]))
    id_, points = new_id(), draw(st.integers(1, 1000))
    keys: dict[str, Any] = {}
    answer: dict[str, Any] = {}
    if kind in {"single", "multiple"}:
        count = draw(st.integers(2, 6))
        one = st.sampled_from(range(count))
        some = st.lists(one, unique=True, min_size=1)
        keys = {"options": [str(n) for n in range(count)], "correct_choices": draw(some)}
        if kind == "single":
            keys["correct_choices"] = keys["correct_choices"][:1]
        answer = {"choices": [draw(one)] if kind == "single" else draw(st.lists(one, unique=True))}
        is_right = sorted(answer["choices"]) == sorted(keys["correct_choices"])
    elif kind == "true_false":
        keys, answer = {"is_true": draw(st.booleans())}, {"is_true": draw(st.booleans())}
        is_right = keys["is_true"] == answer["is_true"]
    elif kind == "short":
        keys, answer = {"accepted_texts": draw(st.lists(WORDS, min_size=1))}, {"text": draw(WORDS)}
        is_right = meaning(answer["text"]) in [meaning(each) for each in keys["accepted_texts"]]
    else:
        keys = {"correct_number": draw(NUMBERS), "tolerance": abs(draw(NUMBERS))}
        answer = {"number": draw(NUMBERS)}
        # in tenths, exactly
        said, right, within = (round(each * 10) for each in (*answer.values(), *keys.values()))
        is_right = right - within <= said <= right + within
    asked = Asked(id=id_, kind=kind, prompt="?", points=points, **keys)
    if draw(st.booleans()) and draw(st.booleans()):
        return asked, None, False
    return asked, Answer(question_id=id_, **answer), is_right


@given(st.lists(cases(), min_size=1, max_size=8), st.integers(0, 100), st.randoms())
def test_an_attempt_is_graded_like_the_model(
    found: list[tuple[Asked, Answer | None, bool]], pass_percent: int, chance: Any
) -> None:
    asked = [each for each, _, _ in found]
    answers = [answer for _, answer, _ in found if answer is not None]
    chance.shuffle(answers)
    marks = grade(asked, accept_answers(asked, answers), pass_percent=pass_percent)
    points = sum(each.points for each in asked)
    earned = sum(each.points for each, _, is_right in found if is_right)
    assert (marks.earned, marks.points) == (earned, points)
    assert marks.passed is (Fraction(earned, points) >= Fraction(pass_percent, 100))
    assert math.isclose(marks.percent, 100 * earned / points)
    assert 0 <= marks.percent <= 100


@given(cases())
def test_what_is_refused_does_not_depend_on_what_is_right(case: tuple[Asked, Answer | None, bool]) -> None:
    """Of two questions that look alike the same answers are accepted, and the same refused alike."""
    asked, answer, _ = case
    blank = Asked(
        id=asked.id, kind=asked.kind, prompt=asked.prompt, points=asked.points, options=asked.options
    )
    tried = [Answer(question_id=asked.id, choices=[9]), Answer(question_id=asked.id, text="x" * 1001)]
    for each in (*tried, *([] if answer is None else [answer])):
        assert outcome(asked, each) == outcome(blank, each)


def outcome(asked: Asked, answer: Answer) -> object:
    try:
        return accept_answers([asked], [answer])
    except ValidationError as error:
        return error.field, error.message


def test_a_number_is_compared_as_it_was_typed() -> None:
    """Of binary fractions 0.4 is further than 0.1 from 0.3."""
    asked = Asked(id=UUID(int=1), kind="numeric", prompt="?", points=1, correct_number=0.3, tolerance=0.1)
    assert 0.4 - 0.3 > 0.1
    for number, right in ((0.4, True), (0.2, True), (0.41, False), (1e300, False), (-0.3, False)):
        assert is_correct(asked, Answer(question_id=asked.id, number=number)) is right


@pytest.mark.parametrize(
    ("said", "right"),
    [
        ("Straße", True),
        (" strasse  ", True),
        ("\uff33\uff34RASSE", True),
        ("Cafe\u0301 du  Nord", True),
        ("café\ndu nord", True),
        ("cafe du nord", False),
        ("🙂", True),
        ("שלום", True),
        ("", False),
    ],
)
def test_a_text_is_compared_by_what_is_meant(said: str, right: bool) -> None:  # noqa: FBT001 - a table
    texts = ["Straße", "Café du Nord", "🙂", "שלום"]
    asked = Asked(id=UUID(int=1), kind="short", prompt="?", points=1, accepted_texts=texts)
    answers = accept_answers([asked], [Answer(question_id=asked.id, text=said)])
    assert is_correct(asked, answers[asked.id]) is right
