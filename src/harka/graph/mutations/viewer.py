from typing import Annotated

import strawberry

from harka.graph.context import Info
from harka.graph.field import graph_input, graph_type, leaf, mutation, value
from harka.graph.mutations.user import LOCALE, NAME, TIMEZONE, Written
from harka.graph.payload import MutationInput, Payload, optional, required
from harka.graph.permission import Access
from harka.graph.types.user import User
from harka.learning import viewer
from harka.learning.viewer import ViewerChanges


@graph_input
class UpdateViewerInput(MutationInput):
    """What the caller changes of themselves. What is omitted stays as it is."""

    version: int = value(
        "The version of themselves that was read. When it has changed since, the answer is CONFLICT."
    )
    name: str | None = value(NAME, default=strawberry.UNSET)
    locale: str | None = value(LOCALE, default=strawberry.UNSET)
    timezone: str | None = value(TIMEZONE, default=strawberry.UNSET)


@graph_type
class UpdateViewerPayload(Payload):
    """The caller, changed."""

    user: User | None = leaf("The person as they are now.")


async def _update(
    info: Info,
    given: Annotated[UpdateViewerInput, strawberry.argument(name="input", description="What to change.")],
) -> Written:
    changes = ViewerChanges(
        name=required(given.name, "name"),
        locale=optional(given.locale),
        timezone=optional(given.timezone),
    )
    return Written(await viewer.update(info.context.work, changes, version=given.version))


@strawberry.type
class ViewerMutation:
    update_viewer: UpdateViewerPayload | None = mutation(
        _update,
        "Change one's own name, language and time zone. Address and role are changed by `updateUser`, the "
        "password by `changePassword`.",
        requires=Access.SIGNED_IN,
    )
