from harka import clock
from harka.ids import new_id
from harka.learning.quiz_grading import Answer, is_correct
from harka.learning.quiz_sheet import asked_of, shown, written, written_answers
from harka.repositories.quiz_attempt import Sheet
from harka.repositories.quiz_question import QuizQuestion

NOW = clock.now()


def question(kind: str, options: list[str], choices: list[int]) -> QuizQuestion:
    return QuizQuestion(
        *(new_id(), new_id(), 0, kind, "Which?", 3, options, choices),
        *(None, None, None, [], NOW, NOW, 1),
    )


def test_what_is_right_stays_right_in_whatever_order() -> None:
    options = [str(n) for n in range(9)]
    for _ in range(20):
        (asked,) = asked_of(written([question("multiple", options, [0, 4, 8])], shuffled=True))
        assert sorted(asked.options) == options
        assert {asked.options[place] for place in asked.correct_choices} == {"0", "4", "8"}
        # in the order of the options, whichever the author named first
        assert list(asked.correct_choices) == sorted(asked.correct_choices)
        right = [asked.options.index(option) for option in ("8", "0", "4")]
        assert is_correct(asked, Answer(question_id=asked.id, choices=right))


def test_questions_are_shown_with_their_answers_and_without_what_is_right() -> None:
    one, two = question("single", ["a", "b"], [1]), question("single", ["c", "d"], [0])
    text = written([one, two], shuffled=False)
    answers = written_answers([Answer(question_id=two.id, choices=[0])])
    sheet = Sheet(new_id(), text, answers, is_revealed=False)
    first, second = shown(sheet, told=False)
    assert (first.question_id, first.chosen, second.chosen) == (one.id, None, [0])
    assert [(each.is_correct, each.correct_choices) for each in (first, second)] == [(None, None)] * 2
    told = shown(sheet, told=True)
    assert [(each.is_correct, each.correct_choices) for each in told] == [(False, [1]), (True, [0])]
    assert [each.accepted_texts for each in told] == [None, None]
