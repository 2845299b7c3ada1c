"""Domains of an organization's own: claimed by anybody, proven by DNS, served once they are activated.

A claim excludes nobody; only who proves a domain keeps others from it. A proof is looked for again and again:
a domain that was given up, or taken over, must not lead to somebody's pages for ever.
"""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from harka import logs
from harka.errors import ConflictError, NotFoundError, PlanLimitError, UnavailableError, ValidationError
from harka.ids import new_id
from harka.learning.work import UnitOfWork
from harka.repositories import domain as domains
from harka.repositories.domain import Domain, DomainStatus
from harka.repositories.page import OLDEST_FIRST, Order, Position
from harka.rows import ByKey
from harka.storage.session import UniqueError
from harka.tenancy.domain_name import accept_domain
from harka.tenancy.entitlement import require_feature
from harka.tenancy.permission import Permission

MOST_DOMAINS: Final = 20
"""Of an organization, claims included."""
GRACE: Final = 72 * 3600.0
"""Seconds that a proof may be missing: name servers are moved, and zones are mended on Mondays."""
PERIOD: Final = 3000.0
"""Seconds after which a proof is looked for again."""
_FEATURE: Final = "custom_branding"
_SERVED: Final = "domain"
"""What moves on when a domain begins or ceases to be served: a claim or a proof alone shows nowhere."""
_TAKEN: Final = "Another organization has proven that this domain is its own."

log = logs.logger("domain")


def record_name(domain: Domain) -> str:
    """The name of the TXT record that proves a domain."""
    return f"_harka-challenge.{domain.name}"


def record_value(domain: Domain) -> str:
    """The text of that record."""
    return f"harka-verification={domain.token}"


async def find_many(work: UnitOfWork, ids: Sequence[UUID]) -> ByKey[Domain]:
    work.context.require(Permission.ORGANIZATION_WRITE)
    return ByKey(await domains.find_by_ids(work.outside.catalog, work.context.id, ids))


async def list_page(
    work: UnitOfWork,
    *,
    after: Position | None,
    first: int,
    order: Order = OLDEST_FIRST,
    name: str | None = None,
    status: str | None = None,
) -> Sequence[Domain]:
    """The next `first`, claims included, in that order. `name`: a part of it. None for any."""
    work.context.require(Permission.ORGANIZATION_WRITE)
    catalog, tenant = work.outside.catalog, work.context.id
    return await domains.page(
        catalog, tenant, after=after, first=first, order=order, name=name, status=status
    )


async def count(work: UnitOfWork, *, name: str | None = None, status: str | None = None) -> int:
    work.context.require(Permission.ORGANIZATION_WRITE)
    return await domains.count(work.outside.catalog, work.context.id, name=name, status=status)


async def add(work: UnitOfWork, name: str) -> Domain:
    """Claim a domain. Any number of organizations may claim the same one.

    Raise `ValidationError` for what is no domain or belongs to the platform, `ConflictError` for one that the
    organization has, `FeatureNotInPlanError`, and `PlanLimitError` for too many.
    """
    context = work.context
    context.require(Permission.ORGANIZATION_WRITE)
    require_feature(context.organization, _FEATURE)
    accepted = accept_domain(name, work.outside.platform_domain, field="name")
    catalog = work.outside.catalog
    try:
        made = await domains.insert(
            catalog, new_id(), context.id, accepted, DomainStatus.PENDING, most=MOST_DOMAINS
        )
    except UniqueError as error:
        raise ConflictError("This organization has this domain already.", field="name") from error
    if made is None:
        raise PlanLimitError(f"An organization has at most {MOST_DOMAINS} domains.")
    return made


async def verify(work: UnitOfWork, id_: UUID) -> Domain:
    """Look for the proof. Nothing happens when the domain is proven and nothing is missing.

    Raise `ValidationError` when the proof is not there, `UnavailableError` when no name server answers,
    `ConflictError` when another organization was first, `NotFoundError`, `FeatureNotInPlanError`.
    """
    work.context.require(Permission.ORGANIZATION_WRITE)
    require_feature(work.context.organization, _FEATURE)
    found = await _found(work, id_)
    if found.status in {DomainStatus.VERIFIED, DomainStatus.ACTIVE} and found.proof_missing_since is None:
        return found
    if not await _is_proven(work, found):
        raise ValidationError(
            f"There is no TXT record {record_name(found)} with the text {record_value(found)} yet.",
            field="id",
        )
    try:
        proven = await domains.prove(work.outside.catalog, work.context.id, id_)
    except UniqueError as error:
        raise ConflictError(_TAKEN, field="id") from error
    return _there(proven)


async def activate(work: UnitOfWork, id_: UUID, *, version: int | None = None) -> Domain:
    """Serve a domain that is proven; every process does so within a second. Nothing happens when it is.

    Raise `ConflictError` for one that is not proven, and for another `version`; `NotFoundError`,
    `FeatureNotInPlanError`.
    """
    work.context.require(Permission.ORGANIZATION_WRITE)
    require_feature(work.context.organization, _FEATURE)
    activated = await domains.activate(work.outside.catalog, work.context.id, id_, version)
    if activated is not None:
        work.invalidate(_SERVED)
        return activated
    found = await _found(work, id_)
    if version is not None and found.version != version:
        raise ConflictError
    if found.status != DomainStatus.ACTIVE:
        raise ConflictError("This domain is not proven: verify it first.", field="id")
    return found


async def remove(work: UnitOfWork, id_: UUID, *, version: int | None = None) -> None:
    """Give a domain up: it is served no longer, and others may prove it.

    Raise `ConflictError` for another `version`, `NotFoundError`.
    """
    work.context.require(Permission.ORGANIZATION_WRITE)
    if not await domains.delete(work.outside.catalog, work.context.id, id_, version):
        await _found(work, id_)
        raise ConflictError
    work.invalidate(_SERVED)


async def recheck(work: UnitOfWork, *, older_than: float, grace: float) -> list[Domain]:
    """Look again for the proofs not looked for within `older_than` seconds. Answers the domains as they are.

    Whose proof is missing is flagged, and after `grace` seconds not served any more. That nobody answers is
    no sign of anything.
    """
    work.context.require(Permission.ORGANIZATION_WRITE)
    catalog, tenant = work.outside.catalog, work.context.id
    seen = []
    for due in await domains.list_due(catalog, tenant, older_than=older_than):
        try:
            found = await _is_proven(work, due)
        except UnavailableError:
            found = None
        now = await domains.checked(catalog, tenant, due.id, found=found, grace=grace)
        if now is not None:
            if now.status != due.status:
                work.invalidate(_SERVED)
            _alarm(work, due, now)
            seen.append(now)
    return seen


def _alarm(work: UnitOfWork, before: Domain, now: Domain) -> None:
    """Once when a proof is found to be gone, and once when that has its consequence."""
    about = {"tenant": str(work.context.id), "domain": str(now.id), "status": now.status}
    if now.status != before.status:
        log.error("domain taken back: its proof is gone", **about)
    elif now.proof_missing_since is not None and before.proof_missing_since is None:
        log.warning("the proof of a domain is gone", **about)


async def _is_proven(work: UnitOfWork, domain: Domain) -> bool:
    return record_value(domain) in await work.outside.dns.texts(record_name(domain))


async def _found(work: UnitOfWork, id_: UUID) -> Domain:
    found = await domains.find_by_ids(work.outside.catalog, work.context.id, [id_])
    return _there(found[0] if found else None)


def _there(domain: Domain | None) -> Domain:
    if domain is None:
        raise NotFoundError("There is no such domain here.", field="id")
    return domain
