"""What a world's people are asked."""

from typing import TYPE_CHECKING
from uuid import UUID

from harka.ids import NodeKind
from harka.learning import content, quiz, quiz_attempt, quiz_question
from harka.learning.content import ContentDraft
from harka.learning.quiz import QuizDraft
from harka.learning.quiz_grading import Answer
from harka.learning.quiz_question import QuestionDraft
from harka.learning.work import UnitOfWork

if TYPE_CHECKING:
    from worlds import World


async def give_quizzes(
    work: UnitOfWork, world: "World", lesson_ids: list[UUID], takers: list[UUID]
) -> tuple[dict[NodeKind, UUID], UUID, list[UUID]]:
    """Two quizzes of the first lesson that all `takers` begin; the second the last of them does not submit.

    Answers a row of each kind that belongs to it; a quiz that is not shown, as every lesson has one; and the
    items that show the others.
    """
    draft = QuizDraft(
        title=f"Quiz {world.canary}", description=f"About {world.canary}", reveal="after_submission"
    )
    lesson_id = lesson_ids[0]
    spares = [await quiz.create(work, each, draft) for each in lesson_ids]
    made, other = [await quiz.create(work, lesson_id, draft) for _ in range(2)]
    rows: dict[NodeKind, UUID] = {}
    items = []
    for each in (other, made):
        asked = await quiz_question.create(
            work, each.id, QuestionDraft(kind="true_false", prompt=f"Is it {world.canary}?", is_true=True)
        )
        shown = ContentDraft(kind="quiz", title=f"Quiz {world.canary}", quiz_id=each.id)
        items.append((await content.create(work, lesson_id, shown)).id)
        begun = [
            (await quiz_attempt.start(work, enrollment_id=taker, quiz_id=each.id)).attempt for taker in takers
        ]
        for attempt in begun if each is other else begun[:-1]:
            await quiz_attempt.submit(work, attempt.id, [Answer(question_id=asked.id, is_true=True)])
        world.raw |= {text for row in (asked, *begun) for text in (str(row.id), row.id.hex)}
        rows = {
            NodeKind.QUIZ: each.id,
            NodeKind.QUIZ_QUESTION: asked.id,
            NodeKind.QUIZ_ATTEMPT: begun[-1].id,
        }
    world.raw |= {text for row in (*spares, made, other) for text in (str(row.id), row.id.hex)}
    return rows, spares[0].id, items
