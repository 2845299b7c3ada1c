"""How a person comes in by a passkey: both factors at once, without telling who they are first."""

from collections.abc import Mapping
from typing import Any

from harka import logs
from harka.auth import passkey
from harka.auth.passkey import PasskeyError, Place
from harka.errors import SsoRequiredError, WrongPasswordError
from harka.learning import passkey_ceremony, session, sso
from harka.learning.entrance import OF_ADDRESS, OF_ALL, Entrance, network_of, trying, working
from harka.learning.session import Begun, Device
from harka.repositories import passkey as passkeys
from harka.repositories import sso as connections
from harka.repositories.passkey import Known
from harka.repositories.user import UserStatus
from harka.tenancy.context import TenantContext
from harka.tenancy.entitlement import features_for

log = logs.logger("passkey")


def begin(entrance: Entrance, context: TenantContext, place: Place) -> tuple[dict[str, Any], str]:
    """What a browser asks its devices for, and what it has to bring back. For anybody."""
    challenge, ceremony = passkey_ceremony.begin(entrance, context, None)
    return passkey.request_options(place, challenge), ceremony


async def sign_in(
    entrance: Entrance,
    context: TenantContext,
    ceremony: str,
    credential: Mapping[str, Any],
    place: Place,
    device: Device,
) -> Begun:
    """Begin a session of whose passkey it is.

    Raise `WrongPasswordError` whatever is wrong with it, `SsoRequiredError` where only their organization's
    sign-in is let through, `RateLimitedError` after too many tries.
    """
    async with trying(entrance, context, (OF_ADDRESS, network_of(device.address)), (OF_ALL, "")):
        challenge = await passkey_ceremony.spend(entrance, context, None, ceremony)
        if challenge is None:
            raise WrongPasswordError("This took too long: try again.")
        try:
            credential_id, handle = passkey.named(credential)
        except PasskeyError:
            raise _refused() from None
        async with working(entrance, context, read_only=True) as work:
            known = await passkeys.find_by_credential(work.session, credential_id)
            policy = await connections.policy(work.session, None if known is None else known.user_id)
        if known is None or (known.user_id.bytes, known.host) != (handle, place.rp_id):
            raise _refused()
        await passkey.ready()
        used = _proved(context, credential, challenge, place, known)
        forbidden = policy.enforced and features_for(context.organization).sso
        if known.status != UserStatus.ACTIVE:
            raise _refused()
        if forbidden and not policy.is_break_glass:
            raise SsoRequiredError
        async with working(entrance, context, read_only=False) as work:
            if not await passkeys.use(work.session, known, used):
                raise _refused()
            begun = await session.begin(work, entrance.keyring.session, known.user_id, device)
            if forbidden:
                await sso.came_past(work, known.user_id)
        return begun


def _proved(
    context: TenantContext, credential: Mapping[str, Any], challenge: bytes, place: Place, known: Known
) -> int:
    try:
        used = passkey.proved(credential, challenge, place, known.public_key)
    except PasskeyError as error:
        log.info("passkey refused", tenant=str(context.id), passkey=str(known.id), reason=str(error))
        raise _refused() from None
    if (used or known.sign_count) and used <= known.sign_count:
        # somebody else has used it since, with a copy of its key
        log.warning("a passkey was copied", tenant=str(context.id), passkey=str(known.id))
        raise _refused()
    return used


def _refused() -> WrongPasswordError:
    return WrongPasswordError("This passkey is not good here.")
