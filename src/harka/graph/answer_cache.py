"""Whole answers to queries that declare them to be kept: for one tenant, and in it for one kind of caller.

Any change of what may be kept moves on the number of the tenant's that answers are stored under (`cache`,
`ANY`), so an answer is never older than one that a writer has had. Quotas and costs are charged all the same.
"""

import functools
import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

import msgspec

from harka import clock
from harka.cache.generation import ANY
from harka.cache.tenant import Namespace, TenantCache
from harka.codec import JsonEncodeError, json_bytes, json_fragment, packed
from harka.graph.answer import Answer
from harka.graph.caching import Policy
from harka.graph.request import Prepared
from harka.learning.visibility import sees_by_permissions
from harka.tenancy.context import TenantContext
from harka.tenancy.directory import Directory
from harka.tenancy.entitlement import limits_for
from harka.tenancy.permission import Permission

_LEASE: Final = 0.25
"""Seconds for which other processes wait for the one that executes."""

Execute = Callable[[], Awaitable[Answer]]


class _Kept(msgspec.Struct, frozen=True, array_like=True):
    """`data`: JSON. `at`: seconds since 1970."""

    data: bytes
    objects: int
    at: float


class AnswerCache:
    """Of one process. `schema`: names the one it answers by, so that releases at work together share nothing.

    `directory`: it hears of the organization's addresses a moment after they have changed, and after the
    number has moved on. So answers are kept with the addresses that they are of.
    """

    def __init__(self, cache: TenantCache, directory: Directory, schema: bytes) -> None:
        self._cache = cache
        self._directory = directory
        self._schema = schema

    async def answer(
        self, prepared: Prepared, tenant: TenantContext, policy: Policy, execute: Execute
    ) -> Answer:
        """What was kept, or else what `execute` answers, which is executed once for all who ask the same."""
        key = self._key(prepared, tenant, policy)
        if key is None:
            return await execute()
        cache, namespace = self._cache, _namespace(policy.max_age)
        kept = cache.find(tenant.id, namespace, key)
        if kept is not None:
            return _shown(kept, policy)
        lookup = await cache.get_many(tenant.id, namespace, [key])
        if lookup.found:
            return _shown(lookup.found[key], policy)
        if lookup.missing is None:
            # nothing can be kept here just now; a client can all the same
            return _allowed(await execute(), policy)
        own: list[Answer] = []

        async def fetch(_: Sequence[bytes]) -> Mapping[bytes, _Kept]:
            answer = await execute()
            own.append(answer)
            # its addresses may have changed meanwhile
            is_other = self._key(prepared, tenant, policy) != key
            return {} if is_other or _is_lacking(answer) else {key: _made(answer)}

        budget = limits_for(tenant.organization).cache_bytes
        found = await cache.fetch(tenant.id, namespace, lookup, fetch, budget=budget)
        if own:
            # what was executed here tells of its statements, too
            return _allowed(own[0], policy)
        return _shown(found[key], policy) if key in found else _allowed(await execute(), policy)

    def _key(self, prepared: Prepared, tenant: TenantContext, policy: Policy) -> bytes | None:
        """Another for another schema, operation, variables, caller, plan of the organization, and addresses.

        None where nothing is kept: for whom it depends on what they take, and for variables beyond any
        measure.
        """
        if not policy.is_public and not sees_by_permissions(tenant):
            return None
        try:
            asked = prepared.fingerprint
        except JsonEncodeError:
            return None
        organization = tenant.organization
        granted = 0 if organization.granted is None else organization.granted.version
        numbers = b"%d %d %d " % (policy.max_age, organization.version, granted)
        served = _packed_names(self._directory.current.domains_of(tenant.id))
        whose = b"" if policy.is_public else _fingerprint(tenant)
        return hashlib.blake2b(self._schema + asked + numbers + served + whose, digest_size=32).digest()


@functools.lru_cache(64)
def _namespace(seconds: int) -> Namespace[_Kept]:
    return Namespace("answer", _Kept, ttl=seconds, scope=ANY, lease=_LEASE)


@functools.lru_cache(1024)
def _packed_names(names: tuple[str, ...]) -> bytes:
    return packed(names)


def _fingerprint(tenant: TenantContext) -> bytes:
    user = b"" if tenant.user is None else tenant.user.id.bytes
    return user + (b"1" if tenant.manages_groups else b"0") + _permitted(tenant.permissions)


@functools.lru_cache(1024)
def _permitted(permissions: frozenset[Permission]) -> bytes:
    return packed(sorted(permissions))


def _allowed(answer: Answer, policy: Policy) -> Answer:
    """With the policy, unless it is nothing to keep."""
    return answer if _is_lacking(answer) else msgspec.structs.replace(answer, policy=policy)


def _is_lacking(answer: Answer) -> bool:
    """Whether it is not what the same question would always be answered with."""
    return answer.failure is not None or answer.outage is not None or answer.body.keys() != {"data"}


def _made(answer: Answer) -> _Kept:
    return _Kept(json_bytes(answer.body["data"]), answer.objects, clock.now().timestamp())


def _shown(kept: _Kept, policy: Policy) -> Answer:
    age = max(int(clock.now().timestamp() - kept.at), 0)
    body = {"data": json_fragment(kept.data)}
    return Answer(body=body, objects=kept.objects, policy=policy, age=age)
