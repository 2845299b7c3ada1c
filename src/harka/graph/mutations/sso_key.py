from datetime import datetime
from typing import Annotated

import strawberry

from harka.graph.context import Info
from harka.graph.field import graph_input, graph_type, leaf, mutation, value
from harka.graph.mutations.sso import Changed
from harka.graph.payload import MutationInput, Payload
from harka.graph.types.sso import SsoConnection
from harka.ids import NodeKind
from harka.learning import sso
from harka.tenancy.permission import Permission


@graph_input
class RotateSsoKeyInput(MutationInput):
    """From when on another key of ours signs."""

    id: strawberry.ID = value("The connection, which speaks SAML.")
    version: int = value("The version that was read.")
    switch_at: datetime = value(
        "When: late enough for the provider to have read our metadata, or been given the certificate, "
        "before; and not after the end of the certificate that signs until then."
    )


@graph_input
class FinishSsoKeyRotationInput(MutationInput):
    """Of which connection the key that signs now is to be the only one."""

    id: strawberry.ID = value("The connection.")
    version: int = value("The version that was read.")


@graph_type
class RotateSsoKeyPayload(Payload):
    """The connection with two keys of ours."""

    sso_connection: SsoConnection | None = leaf("The connection as it is now.")


@graph_type
class FinishSsoKeyRotationPayload(Payload):
    """The connection with one key of ours."""

    sso_connection: SsoConnection | None = leaf("The connection as it is now.")


async def _rotate(
    info: Info,
    given: Annotated[RotateSsoKeyInput, strawberry.argument(name="input", description="When.")],
) -> Changed:
    context = info.context
    id_ = context.open_id(NodeKind.SSO_CONNECTION, given.id, "id")
    # it takes a moment: before anything is read
    pair = await context.runtime.assertions.new_key_pair(context.tenant.id, "HARKA")
    keyring = context.runtime.keyring
    return Changed(
        await sso.rotate_key(
            context.work, keyring, id_, pair, switch_at=given.switch_at, version=given.version
        )
    )


async def _finish(
    info: Info,
    given: Annotated[FinishSsoKeyRotationInput, strawberry.argument(name="input", description="Which.")],
) -> Changed:
    id_ = info.context.open_id(NodeKind.SSO_CONNECTION, given.id, "id")
    return Changed(await sso.finish_key_rotation(info.context.work, id_, version=given.version))


@strawberry.type
class SsoKeyMutation:
    rotate_sso_key: RotateSsoKeyPayload | None = mutation(
        _rotate,
        "Replace our key with a SAML provider, also while the connection is enforced: our "
        "metadata show both from now on, and a new one signs from the given time on. Called again before "
        "that, it moves the time. Needs the feature `sso`.",
        requires=Permission.ORGANIZATION_WRITE,
    )
    finish_sso_key_rotation: FinishSsoKeyRotationPayload | None = mutation(
        _finish,
        "Drop the key of ours that does not sign: the one before, or, before its time, the one that was to "
        "follow.",
        requires=Permission.ORGANIZATION_WRITE,
    )
