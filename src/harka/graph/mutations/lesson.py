from typing import Annotated

import msgspec
import strawberry

from harka.graph.context import Info
from harka.graph.enums import LessonKind
from harka.graph.field import graph_input, graph_type, leaf, mutation, value
from harka.graph.mutations.module import WITH_PROGRESS
from harka.graph.payload import MutationInput, Payload, optional, required
from harka.graph.types.lesson import Lesson
from harka.graph.types.module import Module
from harka.ids import NodeKind
from harka.learning import lesson
from harka.learning.lesson import LessonChanges
from harka.learning.outline import MOST_LESSONS, LessonOutline
from harka.repositories.lesson import Lesson as LessonRow
from harka.repositories.module import Module as ModuleRow
from harka.tenancy.permission import Permission

_TITLE = "What the lesson is called: 1 to 200 characters."
_KIND = "What a learner does in it."
_MINUTES = "How long it takes, in minutes."
_WEIGHT = "Its share of the course's progress; 0 makes it optional."
_REQUIRED = "Whether nobody completes the course without it."


class Written(msgspec.Struct, frozen=True):
    lesson: LessonRow


class Arranged(msgspec.Struct, frozen=True):
    module: ModuleRow


@graph_input
class CreateLessonInput(MutationInput):
    """A new lesson of a module, behind the others."""

    module_id: strawberry.ID = value("The module. Its course must not be archived.")
    title: str = value(_TITLE)
    kind: LessonKind = value(_KIND, default=LessonKind.READING)
    duration_minutes: int | None = value(_MINUTES, default=None)
    weight: float = value(_WEIGHT, default=1.0)
    required: bool = value(_REQUIRED, default=False)


@graph_input
class UpdateLessonInput(MutationInput):
    """What to change of a lesson. What is omitted stays as it is."""

    id: strawberry.ID = value("The lesson.")
    version: int = value("The version that was read. When it has changed since, the answer is CONFLICT.")
    title: str | None = value(_TITLE, default=strawberry.UNSET)
    kind: LessonKind | None = value(_KIND, default=strawberry.UNSET)
    duration_minutes: int | None = value(_MINUTES, default=strawberry.UNSET)
    weight: float | None = value(_WEIGHT, default=strawberry.UNSET)
    required: bool | None = value(_REQUIRED, default=strawberry.UNSET)


@graph_input
class DeleteLessonInput(MutationInput):
    """Which lesson to take away."""

    lesson_id: strawberry.ID = value("The lesson.")
    version: int = value("The version that was read. When it has changed since, the answer is CONFLICT.")
    with_progress: bool = value(WITH_PROGRESS, default=False)


@graph_input
class ReorderLessonsInput(MutationInput):
    """All lessons of a module, in the order they shall have."""

    module_id: strawberry.ID = value("The module. Its course must not be archived.")
    version: int = value("The module's version that was read. When it has changed, the answer is CONFLICT.")
    lesson_ids: list[strawberry.ID] = value(f"Every lesson of the module once, at most {MOST_LESSONS}.")


@graph_input
class MoveLessonInput(MutationInput):
    """Which lesson to put into which other module."""

    lesson_id: strawberry.ID = value("The lesson. Its course must not be archived.")
    version: int = value("The version that was read. When it has changed since, the answer is CONFLICT.")
    module_id: strawberry.ID = value("Another module of the same course.")
    position: int | None = value("The place there, from 0; omit it for the last.", default=None)


@graph_type
class CreateLessonPayload(Payload):
    """The lesson that was created."""

    lesson: Lesson | None = leaf("The new lesson.")


@graph_type
class UpdateLessonPayload(Payload):
    """The lesson that was changed."""

    lesson: Lesson | None = leaf("The lesson as it is now.")


@graph_type
class DeleteLessonPayload(Payload):
    """The module whose lesson is gone."""

    module: Module | None = leaf("The module as it is now.")


@graph_type
class ReorderLessonsPayload(Payload):
    """The module whose lessons were put into order."""

    module: Module | None = leaf("The module as it is now.")


@graph_type
class MoveLessonPayload(Payload):
    """The lesson that was moved."""

    lesson: Lesson | None = leaf("The lesson as it is now.")


async def _create(
    info: Info,
    given: Annotated[CreateLessonInput, strawberry.argument(name="input", description="The new lesson.")],
) -> Written:
    module_id = info.context.open_id(NodeKind.MODULE, given.module_id, "moduleId")
    draft = LessonOutline(given.title, given.kind, given.duration_minutes, given.weight, given.required)
    return Written(await lesson.create(info.context.work, module_id, draft))


async def _update(
    info: Info,
    given: Annotated[UpdateLessonInput, strawberry.argument(name="input", description="What to change.")],
) -> Written:
    id_ = info.context.open_id(NodeKind.LESSON, given.id, "id")
    changes = LessonChanges(
        title=required(given.title, "title"),
        kind=required(given.kind, "kind"),
        duration_minutes=optional(given.duration_minutes),
        weight=required(given.weight, "weight"),
        required=required(given.required, "required"),
    )
    return Written(await lesson.update(info.context.work, id_, changes, version=given.version))


async def _delete(
    info: Info,
    given: Annotated[DeleteLessonInput, strawberry.argument(name="input", description="Which lesson.")],
) -> Arranged:
    id_ = info.context.open_id(NodeKind.LESSON, given.lesson_id, "lessonId")
    changed = await lesson.delete(
        info.context.work, id_, version=given.version, with_progress=given.with_progress
    )
    return Arranged(changed)


async def _reorder(
    info: Info,
    given: Annotated[ReorderLessonsInput, strawberry.argument(name="input", description="The order.")],
) -> Arranged:
    context = info.context
    module_id = context.open_id(NodeKind.MODULE, given.module_id, "moduleId")
    ids = [context.open_id(NodeKind.LESSON, id_, "lessonIds") for id_ in given.lesson_ids]
    return Arranged(await lesson.reorder(context.work, module_id, ids, version=given.version))


async def _move(
    info: Info,
    given: Annotated[MoveLessonInput, strawberry.argument(name="input", description="Which, and where.")],
) -> Written:
    context = info.context
    id_ = context.open_id(NodeKind.LESSON, given.lesson_id, "lessonId")
    module_id = context.open_id(NodeKind.MODULE, given.module_id, "moduleId")
    return Written(
        await lesson.move(context.work, id_, module_id, version=given.version, position=given.position)
    )


@strawberry.type
class LessonMutation:
    create_lesson: CreateLessonPayload | None = mutation(
        _create,
        "Add a lesson to a module. In a course that people take, their progress is worked out again.",
        requires=Permission.COURSE_WRITE,
    )
    update_lesson: UpdateLessonPayload | None = mutation(
        _update, "Change a lesson of a course that is not archived.", requires=Permission.COURSE_WRITE
    )
    delete_lesson: DeleteLessonPayload | None = mutation(
        _delete,
        "Take a lesson out of its module. A published course keeps a lesson; progress is worked out again, "
        "and who has completed the course stays so.",
        requires=Permission.COURSE_WRITE,
    )
    reorder_lessons: ReorderLessonsPayload | None = mutation(
        _reorder, "Put the lessons of a module into another order.", requires=Permission.COURSE_WRITE
    )
    move_lesson: MoveLessonPayload | None = mutation(
        _move,
        "Put a lesson into another module of its course. Progress in it stays.",
        requires=Permission.COURSE_WRITE,
    )
