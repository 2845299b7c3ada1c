from typing import Annotated

import msgspec
import strawberry

from harka.graph.context import Info
from harka.graph.field import graph_input, graph_type, leaf, mutation, value
from harka.graph.payload import MutationInput, Payload, required
from harka.graph.types.course import Course
from harka.graph.types.module import Module
from harka.ids import NodeKind
from harka.learning import module
from harka.learning.module import ModuleChanges
from harka.learning.outline import MOST_MODULES
from harka.repositories.course import Course as CourseRow
from harka.repositories.module import Module as ModuleRow
from harka.tenancy.permission import Permission

WITH_PROGRESS = (
    "Whether what learners have done there may go too. Without it, what they have worked in is kept, and the "
    "answer is CONFLICT."
)


class Written(msgspec.Struct, frozen=True):
    module: ModuleRow


class Arranged(msgspec.Struct, frozen=True):
    course: CourseRow


@graph_input
class CreateModuleInput(MutationInput):
    """A new module of a course, behind the others."""

    course_id: strawberry.ID = value("The course. It must not be archived.")
    title: str = value("What the module is called: 1 to 200 characters.")


@graph_input
class UpdateModuleInput(MutationInput):
    """What to change of a module. What is omitted stays as it is."""

    id: strawberry.ID = value("The module.")
    version: int = value("The version that was read. When it has changed since, the answer is CONFLICT.")
    title: str | None = value("What it is called: 1 to 200 characters.", default=strawberry.UNSET)


@graph_input
class DeleteModuleInput(MutationInput):
    """Which module to take away, with its lessons."""

    module_id: strawberry.ID = value("The module.")
    version: int = value("The version that was read. When it has changed since, the answer is CONFLICT.")
    with_progress: bool = value(WITH_PROGRESS, default=False)


@graph_input
class ReorderModulesInput(MutationInput):
    """All modules of a course, in the order they shall have."""

    course_id: strawberry.ID = value("The course. It must not be archived.")
    version: int = value("The course's version that was read. When it has changed, the answer is CONFLICT.")
    module_ids: list[strawberry.ID] = value(f"Every module of the course once, at most {MOST_MODULES}.")


@graph_type
class CreateModulePayload(Payload):
    """The module that was created."""

    module: Module | None = leaf("The new module.")


@graph_type
class UpdateModulePayload(Payload):
    """The module that was changed."""

    module: Module | None = leaf("The module as it is now.")


@graph_type
class DeleteModulePayload(Payload):
    """The course whose module is gone."""

    course: Course | None = leaf("The course as it is now.")


@graph_type
class ReorderModulesPayload(Payload):
    """The course whose modules were put into order."""

    course: Course | None = leaf("The course as it is now.")


async def _create(
    info: Info,
    given: Annotated[CreateModuleInput, strawberry.argument(name="input", description="The new module.")],
) -> Written:
    course_id = info.context.open_id(NodeKind.COURSE, given.course_id, "courseId")
    return Written(await module.create(info.context.work, course_id, given.title))


async def _update(
    info: Info,
    given: Annotated[UpdateModuleInput, strawberry.argument(name="input", description="What to change.")],
) -> Written:
    id_ = info.context.open_id(NodeKind.MODULE, given.id, "id")
    changes = ModuleChanges(title=required(given.title, "title"))
    return Written(await module.update(info.context.work, id_, changes, version=given.version))


async def _delete(
    info: Info,
    given: Annotated[DeleteModuleInput, strawberry.argument(name="input", description="Which module.")],
) -> Arranged:
    id_ = info.context.open_id(NodeKind.MODULE, given.module_id, "moduleId")
    changed = await module.delete(
        info.context.work, id_, version=given.version, with_progress=given.with_progress
    )
    return Arranged(changed)


async def _reorder(
    info: Info,
    given: Annotated[ReorderModulesInput, strawberry.argument(name="input", description="The order.")],
) -> Arranged:
    context = info.context
    course_id = context.open_id(NodeKind.COURSE, given.course_id, "courseId")
    ids = [context.open_id(NodeKind.MODULE, id_, "moduleIds") for id_ in given.module_ids]
    return Arranged(await module.reorder(context.work, course_id, ids, version=given.version))


@strawberry.type
class ModuleMutation:
    create_module: CreateModulePayload | None = mutation(
        _create, "Add a module to a course that is not archived.", requires=Permission.COURSE_WRITE
    )
    update_module: UpdateModulePayload | None = mutation(
        _update, "Change a module of a course that is not archived.", requires=Permission.COURSE_WRITE
    )
    delete_module: DeleteModulePayload | None = mutation(
        _delete,
        "Take a module and its lessons out of a course. A published course keeps a lesson; progress is "
        "worked out again, and who has completed the course stays so.",
        requires=Permission.COURSE_WRITE,
    )
    reorder_modules: ReorderModulesPayload | None = mutation(
        _reorder, "Put the modules of a course into another order.", requires=Permission.COURSE_WRITE
    )
