"""`/scim/v2`: which request is what, and its answer."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from harka import clock
from harka.codec import json_bytes
from harka.errors import ForbiddenError, MethodNotAllowedError, NotFoundError, NotSupportedError
from harka.learning.work import UnitOfWork, unit_of_work
from harka.repositories import scim_group, scim_user
from harka.runtime import Runtime
from harka.tenancy.context import TenantContext
from harka.web.scim import bulk, discovery, groups, users
from harka.web.scim.errors import MEDIA_TYPE
from harka.web.scim.etag import is_known
from harka.web.scim.models import CORE_GROUP, CORE_USER
from harka.web.scim.names import ROOT, Names, base_of
from harka.web.scim.person import Resource
from harka.web.scim.projection import EVERYTHING, Projection, projection_of
from harka.web.scim.query import list_of
from harka.web.scim.reading import read_object

_PLACES: Final = ("Users", "Groups")
_SCHEMAS: Final = {"Users": CORE_USER, "Groups": CORE_GROUP}
_OTHERS: Final = {
    "Users": frozenset(scim_group.COLUMNS) | frozenset(scim_group.SORTED),
    "Groups": frozenset(scim_user.COLUMNS) | frozenset(scim_user.SORTED),
}

Step = Callable[[UnitOfWork], Awaitable[Response]]


class Call(msgspec.Struct, frozen=True):
    """One request. `asked`: the parameters of its address; `body`: None where it has none to be read."""

    runtime: Runtime
    tenant: TenantContext
    names: Names
    method: str
    parts: tuple[str, ...]
    asked: dict[str, str]
    if_match: str | None
    if_none_match: str | None
    body: Resource | None

    @property
    def given(self) -> Resource:
        return {} if self.body is None else self.body


async def answer(runtime: Runtime, tenant: TenantContext, request: Request, sent: bytes) -> Response:
    """`sent`: its body; empty where its method has none.

    Raise `NotFoundError`, `MethodNotAllowedError`, `NotSupportedError`, and whatever the rules do.
    """
    root, _, place = f"{request.url.path}/".partition(f"{ROOT}/")
    if root:
        raise NotFoundError
    parts = tuple(part for part in place.split("/") if part)
    method = "GET" if request.method == "HEAD" else request.method
    steps = _steps(parts)
    if method not in steps:
        raise MethodNotAllowedError(allow=", ".join(steps))
    body = None
    if method in {"POST", "PUT", "PATCH"}:
        body = read_object(sent, request.headers.get("content-type", ""))
    call = Call(
        runtime=runtime,
        tenant=tenant,
        names=Names(runtime.node_ids, tenant.id, base_of(request.scope)),
        method=method,
        parts=parts,
        asked=dict(request.query_params),
        if_match=request.headers.get("if-match"),
        if_none_match=request.headers.get("if-none-match"),
        body=body,
    )
    request.scope[
        "harka"
    ].record.operation = f"scim{(parts[0] if parts else 'Root').strip('.')}{method.title()}"
    response = await steps[method](call, request)
    return (
        response if request.method != "HEAD" else Response(None, response.status_code, dict(response.headers))
    )


Do = Callable[[Call, Request], Awaitable[Response]]


def _steps(parts: tuple[str, ...]) -> dict[str, Do]:
    """What can be done there, by method. Raise `NotFoundError` where nothing can."""
    steps: dict[str, Do] = {}
    match parts:
        case ():
            steps = {"GET": _search_all}
        case (".search",):
            steps = {"POST": _search_all}
        case ("Bulk",):
            steps = {"POST": _bulk}
        case ("Me", *_):
            # a token is no person
            steps = dict.fromkeys(("GET", "POST", "PUT", "PATCH", "DELETE"), _me)
        case (place, *rest) if place in discovery.PLACES and len(rest) <= 1:
            steps = {"GET": _discover}
        case (place,) if place in _PLACES:
            steps = {"GET": _search, "POST": _create}
        case (place, ".search") if place in _PLACES:
            steps = {"POST": _search}
        case (place, _) if place in _PLACES:
            steps = {"GET": _read, "PUT": _replace, "PATCH": _patch, "DELETE": _remove}
    if not steps:
        raise NotFoundError
    return steps


async def _me(_call: Call, _request: Request) -> Response:
    raise NotSupportedError("A token of a directory is no person: there is no /Me.")


async def _discover(call: Call, _request: Request) -> Response:
    if "filter" in call.asked:
        raise ForbiddenError("Nothing is looked for here.")
    id_ = call.parts[1] if len(call.parts) > 1 else None
    largest = call.runtime.settings.max_body_bytes
    return told(discovery.found(call.parts[0], id_, call.names.base, largest))


async def _search(call: Call, request: Request) -> Response:
    room = _room(call)
    query = room.asked(call.asked if call.body is None else call.body, call.names)

    async def step(work: UnitOfWork) -> Response:
        resources, total = await room.search(work, call.names, query)
        return told(list_of(resources, total, query.asked.offset))

    return await _work(call, request, step, read_only=True)


async def _search_all(call: Call, request: Request) -> Response:
    """People first, then groups; what only one of them has matches none of the others."""
    given = call.asked if call.body is None else call.body
    people = users.asked(given, call.names, _OTHERS["Users"])
    teams = groups.asked(given, call.names, _OTHERS["Groups"])

    async def step(work: UnitOfWork) -> Response:
        found, total = await users.search(work, call.names, people)
        rows = msgspec.structs.replace(
            teams.asked, offset=max(teams.asked.offset - total, 0), first=people.asked.first - len(found)
        )
        left = msgspec.structs.replace(teams, asked=rows)
        others, more = await groups.search(work, call.names, left)
        return told(list_of([*found, *others], total + more, people.asked.offset))

    return await _work(call, request, step, read_only=True)


async def _read(call: Call, request: Request) -> Response:
    room, shown = _room(call), _projection(call)

    async def step(work: UnitOfWork) -> Response:
        resource = await room.read(work, call.names, call.parts[1], shown)
        version = resource["meta"]["version"]
        if call.if_none_match and is_known(call.if_none_match, version.removeprefix("W/").strip('"')):
            return Response(status_code=304, headers={"etag": version})
        return told(shown.of(resource), version=version)

    return await _work(call, request, step, read_only=True)


async def _create(call: Call, request: Request) -> Response:
    room, shown = _room(call), _projection(call)

    async def step(work: UnitOfWork) -> Response:
        return changed(await room.create(work, call.names, call.given), shown, 201)

    return await _work(call, request, step)


async def _replace(call: Call, request: Request) -> Response:
    room, shown = _room(call), _projection(call)

    async def step(work: UnitOfWork) -> Response:
        done = await room.replace(work, call.names, call.parts[1], call.given, call.if_match)
        return changed(done, shown)

    return await _work(call, request, step)


async def _patch(call: Call, request: Request) -> Response:
    room, shown = _room(call), _projection(call)

    async def step(work: UnitOfWork) -> Response:
        done = await room.patch(work, call.names, call.parts[1], call.given, call.if_match)
        if done is None and shown is EVERYTHING:
            # of a group, who may have very many members
            return Response(status_code=204)
        return changed(done or await room.read(work, call.names, call.parts[1], shown), shown)

    return await _work(call, request, step)


async def _remove(call: Call, request: Request) -> Response:
    room = _room(call)

    async def step(work: UnitOfWork) -> Response:
        await room.remove(work, call.names, call.parts[1], call.if_match)
        return Response(status_code=204)

    return await _work(call, request, step)


async def _bulk(call: Call, request: Request) -> Response:
    async def step(work: UnitOfWork) -> Response:
        return told(await bulk.carry_out(work, call.names, call.given))

    return await _work(call, request, step)


async def _work(call: Call, request: Request, step: Step, *, read_only: bool = False) -> Response:
    """The answer, once all of it is committed."""
    runtime, record = call.runtime, request.scope["harka"].record
    deadline = call.tenant.deadline or clock.monotonic() + runtime.settings.request_timeout
    async with unit_of_work(
        runtime.databases,
        runtime.cache,
        runtime.pubsub,
        call.tenant,
        read_only=read_only,
        timeout=deadline - clock.monotonic(),
        outside=runtime.outside,
    ) as work:
        try:
            return await step(work)
        finally:
            record.statements += work.session.statements


def told(body: Resource, status: int = 200, *, version: str | None = None) -> Response:
    headers = {} if version is None else {"etag": version}
    return Response(json_bytes(body), status, headers, media_type=f"{MEDIA_TYPE}; charset=utf-8")


def changed(resource: Resource, shown: Projection, status: int = 200) -> Response:
    meta = resource["meta"]
    response = told(shown.of(resource), status, version=meta["version"])
    response.headers["location"] = meta["location"]
    return response


def _room(call: Call) -> Any:
    return users if call.parts[0] == "Users" else groups


def _projection(call: Call) -> Projection:
    asked = {name.lower(): value for name, value in call.asked.items()}
    only, without = asked.get("attributes"), asked.get("excludedattributes")
    if only is None and without is None:
        return EVERYTHING
    return projection_of(only, without, _SCHEMAS[call.parts[0]])
