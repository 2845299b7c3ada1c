"""By what the people of a world come in: a provider, who may go past it, and what they carry."""

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import msgspec

from harka import clock
from harka.auth import totp
from harka.auth.password import hash_password
from harka.crypto import envelope
from harka.ids import NodeKind, new_id
from harka.learning import sso, user
from harka.learning.sso import SsoOutcome
from harka.learning.sso_directory import NO_DIRECTORY
from harka.learning.sso_saml import NO_SAML
from harka.learning.user import UserDraft
from harka.learning.work import UnitOfWork
from harka.repositories import passkey as passkeys
from harka.repositories import password as passwords
from harka.repositories import sso as connections
from harka.repositories import totp as totps
from harka.repositories.passkey import Passkey
from harka.repositories.sso import SsoConnection
from harka.repositories.user import User
from harka.runtime import Runtime
from saml_idp import KEY, new_key

if TYPE_CHECKING:
    from worlds import World

_HASH = hash_password("vexed kiln plumage 4")


async def connect(
    runtime: Runtime, work: UnitOfWork, world: "World", person: UUID, issuer: str
) -> dict[NodeKind, UUID]:
    """A connection that may be enforced, and somebody's attempt to come in by it."""
    now, tenant, seal = clock.now(), work.context.id, runtime.keyring.seal
    made = SsoConnection(
        id=new_id(),
        kind="oidc",
        name=f"Provider {world.canary}",
        state="tested",
        issuer=issuer,
        client_id=world.canary,
        role_claim=None,
        role_mapping=[],
        default_role="learner",
        roles_at_sign_in="first",
        email_domains=[],
        **NO_DIRECTORY,
        **NO_SAML,
        tested_at=now,
        proven_at=now,
        created_at=now,
        updated_at=now,
        version=1,
    )
    secret = envelope.seal(seal, world.canary.encode(), tenant=tenant, purpose=f"sso:{made.id}")
    await connections.insert(work.session, made, secret)
    await sso.note(work, SsoOutcome.SIGNED_IN, connection=made.id, user=person, detail=world.canary)
    (attempt,) = await sso.list_attempts(work, after=None, first=1)
    owners = await user.create_many(
        work,
        [
            UserDraft(email=f"{name}@example.com", name=f"{name} {world.canary}", role="owner")
            for name in ("oona", "otto")
        ],
    )
    for owner in owners:
        await passwords.set_hash(work.session, owner.id, _HASH)
        factor = envelope.seal(seal, totp.new_secret(), tenant=tenant, purpose=f"totp:{owner.id}")
        await totps.propose(work.session, owner.id, factor)
        await totps.confirm(work.session, owner.id, 1, [])
    world.fitting["SsoAttemptFilter.userId"] = runtime.node_ids.seal(tenant, NodeKind.USER, person)
    for id_ in (made.id, attempt.id, *(owner.id for owner in owners)):
        world.raw |= {str(id_), id_.hex}
    await _speak_saml(runtime, work, world, made)
    return {NodeKind.SSO_CONNECTION: made.id, NodeKind.SSO_ATTEMPT: attempt.id}


async def _speak_saml(runtime: Runtime, work: UnitOfWork, world: "World", like: SsoConnection) -> None:
    """A connection whose key may be rotated."""
    spoken = msgspec.structs.replace(
        like,
        id=new_id(),
        kind="saml",
        sso_url="https://login.example.com/saml",
        idp_certificates=KEY.certificate,
        own_certificate=new_key(curve=True, days=36_500).certificate,
        certificates_end_at=clock.now() + timedelta(days=900),
    )
    tenant = work.context.id
    secret = envelope.seal(runtime.keyring.seal, b"x", tenant=tenant, purpose=f"sso:{spoken.id}")
    await connections.insert(work.session, spoken, secret)
    for each in ("RotateSsoKeyInput.id", "FinishSsoKeyRotationInput.id"):
        world.fitting[each] = runtime.node_ids.seal(tenant, NodeKind.SSO_CONNECTION, spoken.id)
    world.raw |= {str(spoken.id), spoken.id.hex}


async def carry(work: UnitOfWork, world: "World", people: Sequence[User]) -> UUID:
    """Everybody has a passkey, the owner two, whose keys nobody looks at. Answers one of the owner's."""
    now = clock.now()
    for person in (*people, people[0]):
        made = Passkey(
            id=new_id(),
            user_id=person.id,
            name=f"Phone {world.canary}",
            host=f"{world.canary}.example",
            is_synced=True,
            last_used_at=None,
            created_at=now,
            updated_at=now,
            version=1,
        )
        await passkeys.insert(work.session, made, made.id.bytes, world.canary.encode(), 0)
        world.raw |= {str(made.id), made.id.hex}
    return made.id
