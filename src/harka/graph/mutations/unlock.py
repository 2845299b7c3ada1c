from datetime import datetime
from typing import Annotated

import msgspec
import strawberry

from harka.graph.context import Info
from harka.graph.field import graph_input, graph_type, leaf, mutation, value
from harka.graph.loaders.unlock import UnlockByModuleLoader
from harka.graph.payload import MutationInput, Payload
from harka.graph.types.module import Module
from harka.graph.types.unlock import ModuleUnlock
from harka.ids import NodeKind
from harka.learning import unlock
from harka.learning.unlock import LATEST_DAY, MOST_REQUIRED, UnlockRules
from harka.repositories.module import Module as ModuleRow
from harka.repositories.unlock import Unlock
from harka.tenancy.permission import Permission


class Written(msgspec.Struct, frozen=True):
    module: ModuleRow
    unlock: Unlock | None


@graph_input
class SetModuleUnlockInput(MutationInput):
    """When a module opens: when all of this is so. What is omitted does not matter any more."""

    module_id: strawberry.ID = value("The module. Its course must not be archived.")
    version: int = value("The version that was read. When it has changed since, the answer is CONFLICT.")
    opens_at: datetime | None = value("Not before this time.", default=None)
    opens_after_days: int | None = value(
        f"Not before so many times 24 hours after enrollment: 0 to {LATEST_DAY}.", default=None
    )
    required_module_ids: list[strawberry.ID] = value(
        f"Not before these earlier modules of the course are completed: at most {MOST_REQUIRED}.",
        default_factory=list,
    )


@graph_type
class SetModuleUnlockPayload(Payload):
    """The module whose rules were set."""

    module: Module | None = leaf("The module as it is now.")
    unlock: ModuleUnlock | None = leaf("Its rules; null when it is open from the beginning.")


async def _set(
    info: Info,
    given: Annotated[SetModuleUnlockInput, strawberry.argument(name="input", description="The rules.")],
) -> Written:
    context = info.context
    id_ = context.open_id(NodeKind.MODULE, given.module_id, "moduleId")
    rules = UnlockRules(
        opens_at=given.opens_at,
        opens_after_days=given.opens_after_days,
        requires=[
            context.open_id(NodeKind.MODULE, each, "requiredModuleIds") for each in given.required_module_ids
        ],
    )
    module = await unlock.set_rules(context.work, id_, rules, version=given.version)
    return Written(module, await context.loaders.of(UnlockByModuleLoader).load(id_))


@strawberry.type
class UnlockMutation:
    set_module_unlock: SetModuleUnlockPayload | None = mutation(
        _set,
        "Say when a module opens for learners. Until then its lessons are seen in the outline, but their "
        "content is not shown and progress in them is LESSON_LOCKED.",
        requires=Permission.COURSE_WRITE,
    )
