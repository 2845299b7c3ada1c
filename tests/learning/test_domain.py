from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

import msgspec
import pytest

from doors import MakeTenant
from harka.auth.permissions import permissions_of
from harka.errors import (
    ConflictError,
    FeatureNotInPlanError,
    ForbiddenError,
    NotFoundError,
    PlanLimitError,
    UnavailableError,
    ValidationError,
)
from harka.ids import new_id
from harka.learning import domain
from harka.learning.work import UnitOfWork, unit_of_work
from harka.repositories import domain as domains
from harka.repositories.domain import Domain
from harka.repositories.organization import Organization
from harka.runtime import Runtime
from harka.tenancy.context import Actor, ActorKind, TenantContext, operator_context
from harka.tenancy.dns import Dns
from nameserver import NameServer


@dataclass
class Owner:
    """An organization, and the name servers that it can write to."""

    runtime: Runtime
    organization: Organization
    server: NameServer

    def work(self, context: TenantContext | None = None) -> AbstractAsyncContextManager[UnitOfWork]:
        return self._work(context or operator_context(self.organization))

    @asynccontextmanager
    async def _work(self, context: TenantContext) -> AsyncIterator[UnitOfWork]:
        runtime = self.runtime
        parts = runtime.databases, runtime.cache, runtime.pubsub
        async with unit_of_work(
            *parts, context, read_only=False, timeout=20.0, outside=runtime.outside
        ) as work:
            yield work

    async def claimed(self, name: str) -> Domain:
        async with self.work() as work:
            return await domain.add(work, name)

    async def verified(self, name: str) -> Domain:
        made = await self.claimed(name)
        self.publish(made)
        async with self.work() as work:
            return await domain.verify(work, made.id)

    async def served(self, name: str) -> Domain:
        made = await self.verified(name)
        async with self.work() as work:
            return await domain.activate(work, made.id)

    async def rechecked(self, *, grace: float = 3600.0) -> list[Domain]:
        async with self.work() as work:
            return await domain.recheck(work, older_than=0.0, grace=grace)

    async def find(self, id_: UUID) -> Domain:
        (found,) = await domains.find_by_ids(self.runtime.catalog, self.organization.id, [id_])
        return found

    def publish(self, of: Domain) -> None:
        self.server.records[domain.record_name(of)] = ['"v=spf1 -all"', f'"{domain.record_value(of)}"']

    def withdraw(self, of: Domain) -> None:
        del self.server.records[domain.record_name(of)]


MakeOwner = Callable[[], Awaitable[Owner]]


@pytest.fixture
def make_owner(runtime: Runtime, make_tenant: MakeTenant, name_server: NameServer) -> MakeOwner:
    own = msgspec.structs.replace(runtime, dns=Dns(name_server.address))

    async def make() -> Owner:
        return Owner(own, await make_tenant(), name_server)

    return make


def name_of(owner: Owner) -> str:
    return f"learn.{owner.organization.slug}.example"


async def test_a_claim_is_proven_by_dns_and_then_activated(make_owner: MakeOwner) -> None:
    owner = await make_owner()
    made = await owner.claimed(name_of(owner).upper())
    assert (made.name, made.status) == (name_of(owner), "PENDING")
    async with owner.work() as work:
        with pytest.raises(ConflictError, match="not proven"):
            await domain.activate(work, made.id)
        with pytest.raises(ValidationError, match=f"_harka-challenge.{made.name} with the text harka-verif"):
            await domain.verify(work, made.id)
        # somebody else's proof is none
        owner.server.records[domain.record_name(made)] = [f'"harka-verification={"0" * 32}"']
        with pytest.raises(ValidationError):
            await domain.verify(work, made.id)
        assert await owner.find(made.id) == made
        owner.publish(made)
        verified = await domain.verify(work, made.id)
        assert (verified.status, verified.proven_by) == ("VERIFIED", "dns")
        asked = len(owner.server.asked)
        assert await domain.verify(work, made.id) == verified
        assert len(owner.server.asked) == asked
        active = await domain.activate(work, made.id, version=verified.version)
        assert active.status == "ACTIVE"
        assert await domain.activate(work, made.id) == active
        with pytest.raises(ConflictError):
            await domain.activate(work, made.id, version=1)


async def test_the_first_proof_wins_and_a_claim_keeps_nobody_out(make_owner: MakeOwner) -> None:
    squatter, owner = await make_owner(), await make_owner()
    squatted = await squatter.claimed(name_of(owner))
    proven = await owner.verified(name_of(owner))
    squatter.publish(squatted)
    async with squatter.work() as work:
        with pytest.raises(ConflictError, match="Another organization"):
            await domain.verify(work, squatted.id)
    async with owner.work() as work:
        await domain.remove(work, proven.id)
    async with squatter.work() as work:
        assert (await domain.verify(work, squatted.id)).status == "VERIFIED"


async def test_a_proof_that_is_gone_is_flagged_and_suspends_after_the_grace(make_owner: MakeOwner) -> None:
    owner, heir = await make_owner(), await make_owner()
    served, idle = await owner.served(name_of(owner)), await owner.verified(f"b.{name_of(owner)}")
    assert {each.proof_missing_since for each in await owner.rechecked()} == {None}
    owner.withdraw(served)
    owner.withdraw(idle)
    flagged = {each.id: each for each in await owner.rechecked(grace=0.0)}
    assert [flagged[each.id].status for each in (served, idle)] == ["ACTIVE", "VERIFIED"]
    assert flagged[served.id].proof_missing_since is not None
    owner.publish(served)
    async with owner.work() as work:
        assert (await domain.verify(work, served.id)).proof_missing_since is None
    owner.withdraw(served)
    await owner.rechecked()
    await owner.rechecked(grace=0.0)
    assert (await owner.find(served.id)).status == "SUSPENDED"
    assert (await owner.find(idle.id)).status == "PENDING"
    assert await owner.rechecked() == []
    # whose domain it is now has it now
    assert (await heir.served(name_of(owner))).status == "ACTIVE"


async def test_servers_that_do_not_answer_are_no_sign_of_anything(make_owner: MakeOwner) -> None:
    owner = await make_owner()
    served = await owner.served(name_of(owner))
    owner.server.broken.add(domain.record_name(served))
    (now,) = await owner.rechecked(grace=0.0)
    assert (now.status, now.proof_missing_since) == ("ACTIVE", None)
    assert now.checked_at is not None
    claimed = await owner.claimed(f"b.{name_of(owner)}")
    owner.server.broken.add(domain.record_name(claimed))
    async with owner.work() as work:
        with pytest.raises(UnavailableError):
            await domain.verify(work, claimed.id)


async def test_a_domain_of_another_organization_is_not_there(make_owner: MakeOwner) -> None:
    owner, stranger = await make_owner(), await make_owner()
    theirs = await owner.served(name_of(owner))
    async with stranger.work() as work:
        for id_ in (theirs.id, new_id()):
            for attempt in (domain.verify, domain.activate, domain.remove):
                with pytest.raises(NotFoundError):
                    await attempt(work, id_)
        assert dict(await domain.find_many(work, [theirs.id])) == {}
        assert await domain.list_page(work, after=None, first=9) == []
    assert await owner.find(theirs.id) == theirs


async def test_after_a_plan_without_them_no_domain_goes_on_but_all_may_go(make_owner: MakeOwner) -> None:
    owner = await make_owner()
    claimed, proven = await owner.claimed(name_of(owner)), await owner.verified(f"b.{name_of(owner)}")
    owner.publish(claimed)
    asked = len(owner.server.asked)
    plain = msgspec.structs.replace(owner.organization, plan="STARTER")
    async with owner.work(operator_context(plain)) as work:
        for attempt in (domain.verify(work, claimed.id), domain.activate(work, proven.id)):
            with pytest.raises(FeatureNotInPlanError, match="GROWTH"):
                await attempt
        assert len(owner.server.asked) == asked
        for each in (claimed, proven):
            assert await owner.find(each.id) == each
            await domain.remove(work, each.id)


async def test_it_takes_the_permission_the_plan_and_a_bound(make_owner: MakeOwner) -> None:
    owner = await make_owner()
    manager = TenantContext(
        organization=owner.organization,
        actor=Actor(ActorKind.USER, new_id()),
        permissions=permissions_of("manager"),
    )
    async with owner.work(manager) as work:
        for attempt in (
            domain.add(work, name_of(owner)),
            domain.verify(work, new_id()),
            domain.activate(work, new_id()),
            domain.remove(work, new_id()),
            domain.count(work),
        ):
            with pytest.raises(ForbiddenError):
                await attempt
    plain = msgspec.structs.replace(owner.organization, plan="STARTER")
    async with owner.work(operator_context(plain)) as work:
        with pytest.raises(FeatureNotInPlanError, match="GROWTH"):
            await domain.add(work, name_of(owner))
        assert await domain.count(work) == 0
    async with owner.work() as work:
        for number in range(domain.MOST_DOMAINS):
            await domain.add(work, f"{number}.{name_of(owner)}")
        with pytest.raises(PlanLimitError, match="at most 20"):
            await domain.add(work, name_of(owner))
        assert await domain.count(work) == domain.MOST_DOMAINS
