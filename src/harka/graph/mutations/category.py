from typing import Annotated

import msgspec
import strawberry

from harka.graph.context import Info
from harka.graph.field import graph_input, graph_type, leaf, mutation, value
from harka.graph.payload import MutationInput, Payload
from harka.graph.types.category import Category
from harka.ids import NodeKind
from harka.learning import category
from harka.repositories.category import Category as CategoryRow
from harka.tenancy.permission import Permission

_NAME = "What it is called: 1 to 100 characters, unique whatever its case."


class Written(msgspec.Struct, frozen=True):
    category: CategoryRow


class Deleted(msgspec.Struct, frozen=True):
    deleted_category_id: str


@graph_input
class CreateCategoryInput(MutationInput):
    """A new category, of no course yet."""

    name: str = value(_NAME)


@graph_input
class UpdateCategoryInput(MutationInput):
    """Another name for a category."""

    id: strawberry.ID = value("The category.")
    version: int = value("The version that was read. When it has changed since, the answer is CONFLICT.")
    name: str = value(_NAME)


@graph_input
class DeleteCategoryInput(MutationInput):
    """Which category to take away."""

    category_id: strawberry.ID = value("The category.")
    version: int | None = value(
        "The version that was read; omit it to delete whatever there is.", default=None
    )


@graph_type
class CreateCategoryPayload(Payload):
    """The category that was made."""

    category: Category | None = leaf("The new category.")


@graph_type
class UpdateCategoryPayload(Payload):
    """The category that was renamed."""

    category: Category | None = leaf("The category as it is now.")


@graph_type
class DeleteCategoryPayload(Payload):
    """The category that was taken away."""

    deleted_category_id: strawberry.ID | None = leaf("The id that names nothing any more.")


async def _create(
    info: Info,
    given: Annotated[CreateCategoryInput, strawberry.argument(name="input", description="The new category.")],
) -> Written:
    return Written(await category.create(info.context.work, given.name))


async def _update(
    info: Info,
    given: Annotated[UpdateCategoryInput, strawberry.argument(name="input", description="What to change.")],
) -> Written:
    id_ = info.context.open_id(NodeKind.CATEGORY, given.id, "id")
    return Written(await category.rename(info.context.work, id_, given.name, version=given.version))


async def _delete(
    info: Info,
    given: Annotated[DeleteCategoryInput, strawberry.argument(name="input", description="Which.")],
) -> Deleted:
    id_ = info.context.open_id(NodeKind.CATEGORY, given.category_id, "categoryId")
    await category.delete(info.context.work, id_, version=given.version)
    return Deleted(given.category_id)


@strawberry.type
class CategoryMutation:
    create_category: CreateCategoryPayload | None = mutation(
        _create, "Make a category of courses.", requires=Permission.COURSE_WRITE
    )
    update_category: UpdateCategoryPayload | None = mutation(
        _update, "Give a category another name.", requires=Permission.COURSE_WRITE
    )
    delete_category: DeleteCategoryPayload | None = mutation(
        _delete,
        "Take a category away. Courses that were in it are in none.",
        requires=Permission.COURSE_WRITE,
    )
