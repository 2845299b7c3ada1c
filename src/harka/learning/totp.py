"""A second factor: a secret on a device, proposed, proved by a code, and from then on asked for."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from harka import clock
from harka.auth import totp
from harka.auth.permissions import Role
from harka.crypto import envelope
from harka.crypto.keyring import Keyring
from harka.errors import ConflictError, ValidationError
from harka.learning import break_glass, user
from harka.learning.work import UnitOfWork
from harka.repositories import totp as totps
from harka.repositories.user import User


class Proposed(msgspec.Struct, frozen=True):
    """`secret`: as it is typed in. `address`: as a device reads it from a picture."""

    secret: str
    address: str

    def __repr__(self) -> str:
        return "Proposed(…)"


class Confirmed(msgspec.Struct, frozen=True):
    """`recovery_codes`: the only copies there will ever be."""

    user: User
    recovery_codes: Sequence[str]

    def __repr__(self) -> str:
        return f"Confirmed({self.user.id})"


async def propose(work: UnitOfWork, keyring: Keyring, *, version: int | None = None) -> Proposed:
    """A new secret for the actor, which counts once it is confirmed. `version`: of the actor, None for any.

    Raise `ConflictError` for who has a second factor, and for another `version`.
    """
    person, secret = user.myself(work.context, version=version), totp.new_secret()
    sealed = envelope.seal(keyring.seal, secret, tenant=work.context.id, purpose=_purpose(person.id))
    if not await totps.propose(work.session, person.id, sealed):
        raise ConflictError("You have a second factor: remove it first.")
    address = totp.address_of(secret, issuer=work.context.organization.name, account=person.email)
    return Proposed(totp.secret_text(secret), address)


async def confirm(work: UnitOfWork, keyring: Keyring, code: str) -> Confirmed:
    """A code is asked for from now on.

    Raise `ValidationError` for a wrong one, `ConflictError` without a secret.
    """
    person = user.myself(work.context)
    sealed = await totps.find_proposed(work.session, person.id)
    if sealed is None:
        raise ConflictError("There is no secret to confirm.")
    step = totp.step_of(opened(work, keyring, person.id, sealed), code, clock.now())
    if step is None:
        raise ValidationError("This is not the code of this minute.", field="code")
    recovery = totp.new_recovery_codes()
    await totps.confirm(work.session, person.id, step, [totp.recovery_hash(each) for each in recovery])
    return Confirmed(person, recovery)


async def remove(work: UnitOfWork, *, version: int | None = None) -> User:
    """No code is asked for any more of the actor, whose password was asked for.

    Raise `ConflictError` for an owner who must be able to come in (`break_glass`), and for another `version`.
    """
    person = user.myself(work.context, version=version)
    await _remove(work, person)
    return person


async def remove_of(work: UnitOfWork, user_id: UUID, *, version: int | None = None) -> User:
    """Of somebody who has lost their device. Raise like `user.hold` and `remove`."""
    person = await user.hold(work, user_id, version=version, field="userId")
    await _remove(work, person)
    return person


async def _remove(work: UnitOfWork, person: User) -> None:
    await totps.delete(work.session, person.id)
    if person.role == Role.OWNER:
        await break_glass.require_kept(work)


def opened(work: UnitOfWork, keyring: Keyring, user_id: UUID, sealed: bytes) -> bytes:
    """Raise `BrokenSealError` for what was sealed for somebody else."""
    return envelope.open_sealed(keyring.seal, sealed, tenant=work.context.id, purpose=_purpose(user_id))


async def advance(work: UnitOfWork, user_id: UUID, step: int) -> bool:
    """Whether no code of this half minute, or of a later one, was accepted before."""
    return await totps.advance(work.session, user_id, step)


async def spend_recovery_code(work: UnitOfWork, user_id: UUID, code: str) -> bool:
    return await totps.spend_code(work.session, user_id, totp.recovery_hash(code))


def _purpose(user_id: UUID) -> str:
    return f"totp:{user_id}"
