from typing import Any

import msgspec
import pytest

from harka.errors import ConflictError, FeatureNotInPlanError, NotFoundError, PlanLimitError, ValidationError
from harka.ids import new_id
from harka.learning import sso
from harka.learning.sso_draft import MOST_MAPPINGS, RoleMapping, SsoChanges, SsoDraft
from harka.learning.work import UnitOfWork
from harka.repositories import sso as connections
from harka.repositories.sso import SsoConnection, SsoState
from harka.tenancy.context import operator_context
from school import School, school
from sso_school import connection, issuer, provider, working

__all__ = ["connection", "issuer", "provider", "school"]

DRAFT = SsoDraft(name="X", issuer="https://login.example.com", client_id="x", client_secret="of ours")


async def test_without_the_feature_nothing_is_begun_and_everything_can_be_ended(
    school: School, connection: SsoConnection
) -> None:
    plain = msgspec.structs.replace(school.organization, plan="STARTER")
    keyring = school.runtime.keyring
    async with working(school, operator_context(plain)) as work:
        for attempt in (
            sso.create(work, keyring, DRAFT),
            sso.update(work, keyring, connection.id, SsoChanges(name="Y"), version=connection.version),
            sso.to_test(work, keyring, connection.id),
            sso.enforce(work, connection.id),
        ):
            with pytest.raises(FeatureNotInPlanError) as refused:
                await attempt
            assert refused.value.extensions() == {
                "code": "FEATURE_NOT_IN_PLAN",
                "feature": "sso",
                "plan": "GROWTH",
            }
        assert (await sso.disable(work, connection.id)).state == SsoState.DISABLED
        assert await sso.delete(work, connection.id) == connection.id


async def test_whom_it_asks_makes_it_a_draft_and_not_while_it_is_enforced(
    school: School, connection: SsoConnection
) -> None:
    keyring = school.runtime.keyring

    async def change(work: UnitOfWork, version: int, **changes: Any) -> SsoConnection:
        return await sso.update(work, keyring, connection.id, SsoChanges(**changes), version=version)

    async with working(school) as work:
        named = await change(work, connection.version, name="Another")
        assert (named.state, named.tested_at is None) == (SsoState.TESTED, False)
        with pytest.raises(ConflictError):
            await change(work, connection.version, name="Stale")
        drafted = await change(work, named.version, client_secret="another")
        assert (drafted.state, drafted.tested_at, drafted.proven_at) == (SsoState.DRAFT, None, None)
        with pytest.raises(ConflictError, match="Test this"):
            await sso.enforce(work, connection.id)
        passed = await sso.tested(work, drafted)
        await connections.prove(work.session, passed)
        proven = await _read(work, connection)
        enforced = await connections.update(work.session, msgspec.structs.replace(proven, state="enforced"))
        assert enforced is not None
        with pytest.raises(ConflictError, match="enforced"):
            await change(work, enforced.version, issuer="https://another.example.com")
        assert (await change(work, enforced.version, name="Renamed")).state == SsoState.ENFORCED
        assert (await sso.tested(work, await _read(work, connection))).state == SsoState.ENFORCED
        await sso.disable(work, connection.id)


async def _read(work: UnitOfWork, connection: SsoConnection) -> SsoConnection:
    (found,) = await connections.find_by_ids(work.session, [connection.id])
    return found


async def test_what_is_not_there_and_what_is_too_many(school: School) -> None:
    keyring = school.runtime.keyring
    async with working(school) as work:
        for attempt in (
            sso.update(work, keyring, new_id(), SsoChanges(), version=1),
            sso.to_test(work, keyring, new_id()),
            sso.enforce(work, new_id()),
            sso.disable(work, new_id()),
            sso.delete(work, new_id()),
        ):
            with pytest.raises(NotFoundError):
                await attempt
        mappings = [RoleMapping(str(each), "learner") for each in range(MOST_MAPPINGS + 1)]
        with pytest.raises(ValidationError):
            await sso.create(work, keyring, msgspec.structs.replace(DRAFT, role_mappings=mappings))
        while await sso.count(work) < sso.MOST:
            await sso.create(work, keyring, DRAFT)
        with pytest.raises(PlanLimitError):
            await sso.create(work, keyring, DRAFT)


async def test_a_secret_is_sealed_for_its_connection(school: School, connection: SsoConnection) -> None:
    async with working(school) as work:
        sealed = await connections.find_secret(work.session, connection.id)
        assert sealed is not None
        assert b"a secret" not in sealed
        client = await sso.client_of(work, school.runtime.keyring, connection)
        assert client.secret == "a secret of the client's"
        assert client.secret not in repr(client)
