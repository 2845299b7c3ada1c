"""Connections by which people come in who are known elsewhere, and who may be kept from passwords by them.

Nobody is locked out: what is enforced was tested, somebody came in by it, and owners with a second factor may
always use their passwords.
"""

import enum
from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, Unpack
from uuid import UUID

import msgspec

from harka import clock, logs
from harka.auth.ldap import Directories, Place
from harka.auth.oidc import Client, Providers
from harka.auth.saml import Assertions, Peer
from harka.auth.saml_metadata import KeyPair, certificates_of, ends_at
from harka.crypto import envelope
from harka.crypto.keyring import Keyring
from harka.errors import (
    ConflictError,
    HarkaError,
    NotFoundError,
    PlanLimitError,
    SsoRefusedError,
    ValidationError,
)
from harka.ids import new_id
from harka.learning import break_glass, mail, sso_saml, sso_trust
from harka.learning.moment import accept_moment, has_passed
from harka.learning.sso_directory import NO_DIRECTORY, place_of
from harka.learning.sso_draft import SsoChanges, SsoDraft, accepted, require_role_claim
from harka.learning.sso_saml import NO_SAML, has_changed, peer_of, with_end
from harka.learning.work import UnitOfWork
from harka.repositories import sso as connections
from harka.repositories import sso_attempt as attempts
from harka.repositories import sso_key as keys
from harka.repositories import sso_session as sso_sessions
from harka.repositories.page import NEWEST_FIRST, OLDEST_FIRST, Order, Position
from harka.repositories.sso import SsoConnection, SsoKind, SsoState
from harka.repositories.sso_attempt import AttemptFilter, SsoAttempt
from harka.rows import ByKey
from harka.tenancy.entitlement import require_feature
from harka.tenancy.permission import Permission

MOST: Final = 10
"""Connections of an organization."""
KEPT: Final = 30 * 86_400.0
"""Seconds that an attempt can be read."""
LONGEST_DETAIL: Final = 300
NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})

log = logs.logger("sso")

Asked = Client | Place | Peer
"""How a connection asks, by its kind."""


class SsoOutcome(enum.StrEnum):
    SIGNED_IN = "signed_in"
    LINKED = "linked"
    BREAK_GLASS = "break_glass"
    WRONG_STATE = "wrong_state"
    WRONG_PASSWORD = "wrong_password"  # noqa: S105 - no password
    PROVIDER_ERROR = "provider_error"
    CODE_REFUSED = "code_refused"
    TOKEN_REFUSED = "token_refused"  # noqa: S105 - no token
    ADDRESS_MISSING = "address_missing"
    ADDRESS_TAKEN = "address_taken"
    INACTIVE = "inactive"
    NO_SEAT = "no_seat"
    SIGNED_OUT = "signed_out"
    LOGOUT_REFUSED = "logout_refused"
    CONNECTION_DELETED = "connection_deleted"


async def find_many(work: UnitOfWork, ids: Sequence[UUID]) -> ByKey[SsoConnection]:
    _require(work)
    return ByKey(await connections.find_by_ids(work.session, ids))


async def list_page(
    work: UnitOfWork,
    *,
    after: Position | None,
    first: int,
    order: Order = OLDEST_FIRST,
    kind: str | None = None,
    state: str | None = None,
) -> Sequence[SsoConnection]:
    """The next `first` in that order. `kind`, `state`: None for any."""
    _require(work)
    return await connections.list_page(
        work.session, after=after, first=first, order=order, kind=kind, state=state
    )


async def count(work: UnitOfWork, *, kind: str | None = None, state: str | None = None) -> int:
    _require(work)
    return await connections.count(work.session, kind=kind, state=state)


async def find_attempts(work: UnitOfWork, ids: Sequence[UUID]) -> ByKey[SsoAttempt]:
    _require(work)
    return ByKey(await attempts.find_by_ids(work.session, ids))


async def list_attempts(
    work: UnitOfWork,
    *,
    after: Position | None,
    first: int,
    order: Order = NEWEST_FIRST,
    **only: Unpack[AttemptFilter],
) -> Sequence[SsoAttempt]:
    """The next `first` in that order."""
    _require(work)
    return await attempts.list_page(work.session, after=after, first=first, order=order, **only)


async def count_attempts(work: UnitOfWork, **only: Unpack[AttemptFilter]) -> int:
    _require(work)
    return await attempts.count(work.session, **only)


async def create(work: UnitOfWork, keyring: Keyring, draft: SsoDraft) -> SsoConnection:
    """A draft, by which nobody comes in yet.

    Raise `ValidationError` naming the field, `ForbiddenError` for a role that may do more than the actor,
    `FeatureNotInPlanError`, `PlanLimitError` for too many.
    """
    _require_feature(work)
    kind = _kind(draft)
    given = NO_DIRECTORY | NO_SAML | await accepted(work, kind, draft)
    if await connections.count(work.session) >= MOST:
        raise PlanLimitError(f"An organization has at most {MOST} connections.")
    secret, now = given.pop("client_secret"), clock.now()
    made = SsoConnection(
        id=new_id(),
        kind=str(kind),
        state=str(SsoState.DRAFT),
        tested_at=None,
        proven_at=None,
        created_at=now,
        updated_at=now,
        version=1,
        **given,
    )
    require_role_claim(made)
    sso_trust.require_roles(work, None, made)
    await sso_trust.require_people(work, None, made)
    made = with_end(made)
    await connections.insert(work.session, made, _sealed(work, keyring, made.id, secret))
    return made


def _kind(draft: SsoDraft) -> SsoKind:
    if draft.directory is not None and draft.saml is not None:
        raise ValidationError("It is a directory, or speaks SAML.", field="saml")
    if draft.saml is not None:
        return SsoKind.SAML
    return SsoKind.OIDC if draft.directory is None else SsoKind.LDAP


async def update(
    work: UnitOfWork, keyring: Keyring, id_: UUID, changes: SsoChanges, *, version: int
) -> SsoConnection:
    """Change what `changes` names. Whom it asks, and as whom, makes it a draft again.

    Raise `ConflictError` for another `version`, and for such a change of one that is enforced;
    `ForbiddenError` where somebody may do, or become what may do, more than the actor; `ValidationError`,
    `NotFoundError`, `FeatureNotInPlanError`.
    """
    _require_feature(work)
    await connections.lock(work.session, id_)
    found = await _found(work, id_)
    if found.version != version:
        raise ConflictError
    given = await accepted(work, found.kind, changes)
    secret = given.pop("client_secret", None)
    if secret is not None and found.next_certificate is not None:
        raise ConflictError("A key of ours follows another: finishSsoKeyRotation first.", field="saml")
    changed = msgspec.structs.replace(found, **given)
    require_role_claim(changed)
    sso_trust.require_roles(work, found, changed)
    await sso_trust.require_people(work, found, changed)
    if _whom(changed) != _whom(found) or secret is not None or not sso_saml.keeps_certificate(found, changed):
        if found.state == SsoState.ENFORCED:
            raise ConflictError("This connection is enforced: disable it first.", field="id")
        changed = msgspec.structs.replace(changed, state=str(SsoState.DRAFT), tested_at=None, proven_at=None)
    sealed = None if secret is None else _sealed(work, keyring, id_, secret)
    return _there(await connections.update(work.session, with_end(changed), sealed))


async def to_test(work: UnitOfWork, keyring: Keyring, id_: UUID) -> tuple[SsoConnection, Asked]:
    """A connection, and how it asks. Raise `NotFoundError`, `FeatureNotInPlanError`."""
    _require_feature(work)
    found = await _found(work, id_)
    return found, await asked_by(work, keyring, found)


async def probe(
    providers: Providers,
    directories: Directories,
    assertions: Assertions,
    found: SsoConnection,
    asked: Asked,
    *,
    private: bool,
) -> dict[str, Any]:
    """Ask whether it is there and can do what we need; no transaction should wait for it.

    Answers what it says of itself by now, as columns. Raise `ValidationError` telling what is wrong.
    """
    try:
        match asked:
            case Place():
                await directories.probe(asked)
            case Peer():
                return await sso_saml.probe(assertions, asked, found.metadata_url, private=private)
            case Client():
                await providers.find(asked, afresh=True)
    except HarkaError as error:
        told = error.detail if isinstance(error, SsoRefusedError) else error.message
        raise ValidationError(told, field="id") from error
    return {}


async def tested(
    work: UnitOfWork,
    found: SsoConnection,
    told: Mapping[str, Any] = NOTHING,  # noqa: PT028 - it is no test
) -> SsoConnection:
    """One whose provider was found well by `probe`: it is offered from now on, and stays enforced when it is.

    `told`: what `probe` answered: a new certificate of the provider's. Raise `ConflictError` when it has
    changed since, `ForbiddenError` where that lets somebody in who may do more than the actor.
    """
    await connections.lock(work.session, found.id)
    state = found.state if found.state == SsoState.ENFORCED else str(SsoState.TESTED)
    passed = msgspec.structs.replace(found, state=state, tested_at=clock.now(), **told)
    sso_trust.require_roles(work, found, passed)
    await sso_trust.require_people(work, found, passed)
    return _there(await connections.update(work.session, with_end(passed)))


async def enforce(work: UnitOfWork, id_: UUID, *, version: int | None = None) -> SsoConnection:
    """Forbid passwords to all but owners with a second factor. Nothing changes when it is enforced.

    Raise `ConflictError` for one that was not tested, by which nobody has come in, for fewer than two such
    owners, and for another `version`; `NotFoundError`, `FeatureNotInPlanError`.
    """
    _require_feature(work)
    found = await _of_version(work, id_, version)
    if found.state == SsoState.ENFORCED:
        return found
    if found.state != SsoState.TESTED:
        raise ConflictError("Test this connection first.", field="id")
    if found.proven_at is None:
        raise ConflictError("Nobody has come in by this connection yet: sign in by it first.", field="id")
    await break_glass.require(work)
    changed = msgspec.structs.replace(found, state=str(SsoState.ENFORCED))
    return _there(await connections.update(work.session, changed))


async def disable(work: UnitOfWork, id_: UUID, *, version: int | None = None) -> SsoConnection:
    """Nobody comes in by it any more, and passwords are accepted again. Nothing changes when it is disabled.

    Also without the feature: what a plan lost must not lock anybody out. Raise `ConflictError`,
    `NotFoundError`.
    """
    _require(work)
    found = await _of_version(work, id_, version)
    if found.state == SsoState.DISABLED:
        return found
    changed = msgspec.structs.replace(found, state=str(SsoState.DISABLED))
    return _there(await connections.update(work.session, changed))


async def rotate_key(
    work: UnitOfWork, keyring: Keyring, id_: UUID, pair: KeyPair, *, switch_at: datetime, version: int
) -> SsoConnection:
    """Another pair of ours signs from a moment on, also while the connection is enforced.

    Both are shown and read from now on. Where one follows already, and does not sign yet, its moment moves.
    Raise `ValidationError` for a moment that is over, or after the end of what signs until then, and for what
    does not speak SAML; `ConflictError` for another `version`, and where the last one has not been settled;
    `NotFoundError`, `FeatureNotInPlanError`.
    """
    _require_feature(work)
    found = await _of_version(work, id_, version)
    if found.kind != SsoKind.SAML:
        raise ValidationError("This connection does not speak SAML.", field="id")
    if has_passed(accept_moment(switch_at, "switchAt")):
        raise ValidationError("This time is over: the provider must know the key before.", field="switchAt")
    if switch_at > ends_at(certificates_of(found.own_certificate or "")):
        raise ValidationError("The certificate that signs until then ends before.", field="switchAt")
    if has_changed(found):
        raise ConflictError("The last one signs already: finishSsoKeyRotation first.", field="id")
    new = None
    if found.next_certificate is None:
        new = pair.certificate, _sealed(work, keyring, id_, pair.private_key)
        found = msgspec.structs.replace(found, next_certificate=pair.certificate)
    until = with_end(found).certificates_end_at
    if not await keys.follow(work.session, id_, version, pair=new, since=switch_at, ends_at=until):
        raise ConflictError
    log.info("a key follows", tenant=str(work.context.id), connection=str(id_), since=switch_at.isoformat())
    return await _found(work, id_)


async def finish_key_rotation(work: UnitOfWork, id_: UUID, *, version: int) -> SsoConnection:
    """One pair of ours again: the one that signs by now. Nothing changes where none follows.

    Also without the feature. Raise `ConflictError` for another `version`, `NotFoundError`.
    """
    _require(work)
    found = await _of_version(work, id_, version)
    if found.next_certificate is None:
        return found
    keeps_next = has_changed(found)
    one = found.next_certificate if keeps_next else found.own_certificate
    left = msgspec.structs.replace(found, own_certificate=one, next_certificate=None, key_changes_at=None)
    until = with_end(left).certificates_end_at
    if not await keys.settle(work.session, id_, version, keeps_next=keeps_next, ends_at=until):
        raise ConflictError
    log.info("a key is settled", tenant=str(work.context.id), connection=str(id_), new=keeps_next)
    return await _found(work, id_)


async def delete(work: UnitOfWork, id_: UUID, *, version: int | None = None) -> UUID:
    """A connection is no more; answers its id. What began by it ends: nobody else could end it any more.

    Whom its provider meant is forgotten, and the people stay. Also without the feature. Raise `ConflictError`
    for one that is enforced, and for another `version`; `NotFoundError`.
    """
    _require(work)
    # by itself: what is committed while this waits is seen by what comes after
    await connections.lock(work.session, id_)
    found = await _of_version(work, id_, version)
    if found.state == SsoState.ENFORCED:
        raise ConflictError("This connection is enforced: disable it first.", field="id")
    ended = await sso_sessions.revoke_of_connection(work.session, id_)
    if not await connections.delete(work.session, id_, found.version):
        raise ConflictError
    actor = None if work.context.user is None else work.context.user.id
    told = f"{found.name}: {found.issuer}. Sessions that it ended: {ended}."
    await note(work, SsoOutcome.CONNECTION_DELETED, user=actor, detail=told)
    log.warning("a connection was deleted", tenant=str(work.context.id), connection=str(id_), sessions=ended)
    return id_


async def note(
    work: UnitOfWork,
    outcome: str,
    *,
    connection: UUID | None = None,
    user: UUID | None = None,
    detail: str = "",
) -> None:
    """What came of an attempt, for admins to read."""
    printable = "".join(each for each in detail if each.isprintable())[:LONGEST_DETAIL]
    await attempts.insert(work.session, new_id(), connection, user, str(outcome), printable)


async def came_past(work: UnitOfWork, person: UUID) -> None:
    """An owner came in although a connection is enforced: noted, logged, and told to the other owners."""
    log.warning("an owner came in past the enforced sign-in", tenant=str(work.context.id), user=str(person))
    await note(work, SsoOutcome.BREAK_GLASS, user=person)
    await mail.post_break_glass(work, person)


async def forget_old(work: UnitOfWork) -> int:
    """How many."""
    return await attempts.delete_old(work.session, older_than=KEPT)


async def asked_by(work: UnitOfWork, keyring: Keyring, connection: SsoConnection) -> Asked:
    """How it asks; reads the secret."""
    if connection.kind == SsoKind.LDAP:
        return await directory_of(work, keyring, connection)
    if connection.kind == SsoKind.SAML:
        key, following = await _secret(work, keyring, connection), None
        if connection.next_certificate is not None:
            sealed = await keys.find_next(work.session, connection.id)
            following = _opened(work, keyring, connection, sealed)
        return peer_of(work.context.id, connection, key, following)
    return await client_of(work, keyring, connection)


async def client_of(work: UnitOfWork, keyring: Keyring, connection: SsoConnection) -> Client:
    """How it asks a provider; reads the secret."""
    secret = await _secret(work, keyring, connection)
    private = work.outside.private_addresses
    return Client(work.context.id, connection.issuer, connection.client_id, secret, private)


async def directory_of(work: UnitOfWork, keyring: Keyring, connection: SsoConnection) -> Place:
    """How it asks a directory; reads the secret."""
    secret = await _secret(work, keyring, connection)
    return place_of(work.context.id, connection, secret, private=work.outside.private_addresses)


async def _secret(work: UnitOfWork, keyring: Keyring, connection: SsoConnection) -> str:
    return _opened(work, keyring, connection, await connections.find_secret(work.session, connection.id))


def _opened(work: UnitOfWork, keyring: Keyring, connection: SsoConnection, sealed: bytes | None) -> str:
    secret = envelope.open_sealed(
        keyring.seal, sealed or b"", tenant=work.context.id, purpose=_purpose(connection.id)
    )
    return secret.decode()


def _whom(connection: SsoConnection) -> tuple[Any, ...]:
    """Who is asked, as whom, and how: what was tested."""
    return tuple(
        getattr(connection, name)
        for name in ("issuer", "client_id", *NO_DIRECTORY, "sso_url", "own_certificate")
    )


def _sealed(work: UnitOfWork, keyring: Keyring, id_: UUID, secret: str) -> bytes:
    return envelope.seal(keyring.seal, secret.encode(), tenant=work.context.id, purpose=_purpose(id_))


def _purpose(id_: UUID) -> str:
    return f"sso:{id_}"


def _require(work: UnitOfWork) -> None:
    work.context.require(Permission.ORGANIZATION_WRITE)
    work.context.require_everybody()


def _require_feature(work: UnitOfWork) -> None:
    _require(work)
    require_feature(work.context.organization, "sso")


async def _found(work: UnitOfWork, id_: UUID) -> SsoConnection:
    found = await connections.find_by_ids(work.session, [id_])
    if not found:
        raise NotFoundError("There is no such connection here.", field="id")
    return found[0]


async def _of_version(work: UnitOfWork, id_: UUID, version: int | None) -> SsoConnection:
    found = await _found(work, id_)
    if version is not None and found.version != version:
        raise ConflictError
    return found


def _there(changed: SsoConnection | None) -> SsoConnection:
    if changed is None:
        raise ConflictError
    return changed
