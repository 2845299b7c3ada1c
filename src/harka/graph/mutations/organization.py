from typing import Annotated, Any

import msgspec
import strawberry
from strawberry.scalars import JSON

from harka.graph.context import Info
from harka.graph.field import graph_input, graph_type, leaf, mutation, value
from harka.graph.payload import MutationInput, Payload, required
from harka.graph.types.organization import Organization
from harka.learning import organization
from harka.learning.organization import OrganizationChanges
from harka.repositories.organization import Organization as OrganizationRow
from harka.tenancy.permission import Permission


class Changed(msgspec.Struct, frozen=True):
    organization: OrganizationRow


@graph_input
class UpdateOrganizationInput(MutationInput):
    """What to change of the caller's organization. What is omitted stays as it is."""

    version: int = value("The version that was read. When it has changed since, the answer is CONFLICT.")
    name: str | None = value("What it is called: 1 to 200 characters.", default=strawberry.UNSET)
    locale: str | None = value(
        "The language of whoever has not chosen one, as a BCP 47 tag.", default=strawberry.UNSET
    )
    timezone: str | None = value(
        "The time zone of whoever has not chosen one, as an IANA name.", default=strawberry.UNSET
    )
    settings: JSON | None = value(
        "An object of the keys to set; those that are null are taken away, others stay. All together have at "
        "most 16,384 bytes. `mail` is an object with `senderName` and `replyTo` of e-mails; "
        "`certificates`, whether each new certificate is told by one; and `alerts`, whether its admins and "
        "owners are told what is wrong with it (true unless it says otherwise). `apps` is an object with "
        "`redirectUris`, the addresses to which `/auth/app` may send a browser back with a code.",
        default=strawberry.UNSET,
    )


@graph_type
class UpdateOrganizationPayload(Payload):
    """The organization that was changed."""

    organization: Organization | None = leaf("The organization as it is now.")


async def _update(
    info: Info,
    given: Annotated[
        UpdateOrganizationInput, strawberry.argument(name="input", description="What to change.")
    ],
) -> Changed:
    settings: Any = given.settings
    changes = OrganizationChanges(
        name=required(given.name, "name"),
        locale=required(given.locale, "locale"),
        timezone=required(given.timezone, "timezone"),
        settings=required(settings, "settings"),
    )
    return Changed(await organization.update(info.context.work, changes, version=given.version))


@strawberry.type
class OrganizationMutation:
    update_organization: UpdateOrganizationPayload | None = mutation(
        _update,
        "Change the caller's organization: its name, language, time zone and settings.",
        requires=Permission.ORGANIZATION_WRITE,
    )
