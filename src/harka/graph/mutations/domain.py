from typing import Annotated

import msgspec
import strawberry

from harka.graph.context import Info
from harka.graph.field import graph_input, graph_type, leaf, mutation, value
from harka.graph.payload import MutationInput, Payload
from harka.graph.types.domain import Domain
from harka.ids import NodeKind
from harka.learning import domain
from harka.repositories.domain import Domain as DomainRow
from harka.tenancy.permission import Permission


class Changed(msgspec.Struct, frozen=True):
    domain: DomainRow


class Removed(msgspec.Struct, frozen=True):
    removed_domain_id: str


@graph_input
class AddDomainInput(MutationInput):
    """Which domain the organization says is its own."""

    name: str = value("As in learn.example.com; international ones in their xn-- form.")


@graph_input
class VerifyDomainInput(MutationInput):
    """Whose proof to look for."""

    id: strawberry.ID = value("The domain.")


@graph_input
class ActivateDomainInput(MutationInput):
    """Which domain to serve."""

    id: strawberry.ID = value("The domain.")
    version: int | None = value(
        "The version that was read; omit it to activate whatever there is.", default=None
    )


@graph_input
class RemoveDomainInput(MutationInput):
    """Which domain to give up."""

    id: strawberry.ID = value("The domain.")
    version: int | None = value(
        "The version that was read; omit it to remove whatever there is.", default=None
    )


@graph_type
class AddDomainPayload(Payload):
    """The domain that was claimed, with what proves it."""

    domain: Domain | None = leaf("The new domain.")


@graph_type
class VerifyDomainPayload(Payload):
    """The domain whose proof was found."""

    domain: Domain | None = leaf("The domain as it is now.")


@graph_type
class ActivateDomainPayload(Payload):
    """The domain that is served."""

    domain: Domain | None = leaf("The domain as it is now.")


@graph_type
class RemoveDomainPayload(Payload):
    """The domain that was given up."""

    removed_domain_id: strawberry.ID | None = leaf("The id that names nothing any more.")


async def _add(
    info: Info,
    given: Annotated[AddDomainInput, strawberry.argument(name="input", description="Which.")],
) -> Changed:
    return Changed(await domain.add(info.context.work, given.name))


async def _verify(
    info: Info,
    given: Annotated[VerifyDomainInput, strawberry.argument(name="input", description="Which.")],
) -> Changed:
    id_ = info.context.open_id(NodeKind.DOMAIN, given.id, "id")
    return Changed(await domain.verify(info.context.work, id_))


async def _activate(
    info: Info,
    given: Annotated[ActivateDomainInput, strawberry.argument(name="input", description="Which.")],
) -> Changed:
    id_ = info.context.open_id(NodeKind.DOMAIN, given.id, "id")
    return Changed(await domain.activate(info.context.work, id_, version=given.version))


async def _remove(
    info: Info,
    given: Annotated[RemoveDomainInput, strawberry.argument(name="input", description="Which.")],
) -> Removed:
    id_ = info.context.open_id(NodeKind.DOMAIN, given.id, "id")
    await domain.remove(info.context.work, id_, version=given.version)
    return Removed(given.id)


@strawberry.type
class DomainMutation:
    add_domain: AddDomainPayload | None = mutation(
        _add,
        "Claim a domain. It is served once the record in DNS is found (`verifyDomain`) and it is activated. "
        "Needs the feature `customBranding`.",
        requires=Permission.ORGANIZATION_WRITE,
    )
    verify_domain: VerifyDomainPayload | None = mutation(
        _verify,
        "Look for the record that proves a domain, now. From then on no other organization can have it. "
        "Needs the feature `customBranding`.",
        requires=Permission.ORGANIZATION_WRITE,
    )
    activate_domain: ActivateDomainPayload | None = mutation(
        _activate,
        "Serve the organization's pages at a domain that is proven, within a second. Needs the feature "
        "`customBranding`.",
        requires=Permission.ORGANIZATION_WRITE,
    )
    remove_domain: RemoveDomainPayload | None = mutation(
        _remove,
        "Give a domain up: it is served no longer, and others may prove it.",
        requires=Permission.ORGANIZATION_WRITE,
    )
