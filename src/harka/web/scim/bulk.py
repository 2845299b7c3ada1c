"""Many operations in one request (RFC 7644, section 3.7): each with its own fate, all in one transaction.

People who are made one behind the other are made together, by as few statements as one.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from harka.errors import (
    ConflictError,
    DeadlineExceededError,
    HarkaError,
    InternalError,
    MethodNotAllowedError,
    NotFoundError,
    PayloadTooLargeError,
    ScimRequestError,
    UnavailableError,
)
from harka.learning.scim_user import Person
from harka.learning.work import UnitOfWork
from harka.web.errors import masked
from harka.web.scim import groups, users
from harka.web.scim.errors import error_body
from harka.web.scim.models import MOST_OPERATIONS
from harka.web.scim.names import Names
from harka.web.scim.person import Resource
from harka.web.scim.reading import as_object

RESPONSE: Final = "urn:ietf:params:scim:api:messages:2.0:BulkResponse"
METHODS: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_PLACES: Final = ("Users", "Groups")
_REFERENCE: Final = re.compile(r"bulkId:(.+)", re.DOTALL)
_FATAL: Final = (DeadlineExceededError, InternalError, UnavailableError)


class Operation(msgspec.Struct, frozen=True):
    """`place`: its number. `refers`: to bulkIds of others. `refused`: it is none."""

    place: int
    method: str
    path: str
    bulk_id: str | None
    data: Resource
    version: str | None
    refers: frozenset[str]
    refused: HarkaError | None = None

    @property
    def makes_person(self) -> bool:
        return self.refused is None and self.method == "POST" and self.path == "Users" and not self.refers


class Done(msgspec.Struct, frozen=True):
    """What became of one. `resource`: of one that was made or changed, if it is told."""

    status: int = 200
    location: str | None = None
    version: str | None = None
    id: str | None = None
    error: HarkaError | None = None


async def carry_out(work: UnitOfWork, names: Names, given: Mapping[str, Any]) -> Resource:
    """Raise `PayloadTooLargeError` for too many; `ScimRequestError` for what is no such request."""
    said = {name.lower(): value for name, value in given.items()}
    listed, most = said.get("operations"), said.get("failonerrors")
    if not isinstance(listed, list):
        raise ScimRequestError("Operations are a list.", "invalidSyntax")
    if most is not None and (isinstance(most, bool) or not isinstance(most, int) or most < 1):
        raise ScimRequestError("failOnErrors is a number of at least 1.", "invalidValue")
    if len(listed) > MOST_OPERATIONS:
        raise PayloadTooLargeError(f"At most {MOST_OPERATIONS:,} operations at once.")
    operations = [_operation(place, each) for place, each in enumerate(listed)]
    done = await _Run(work, names, operations, most).run()
    told = [_told(operations[place], done[place], names) for place in sorted(done)]
    return {"schemas": [RESPONSE], "Operations": told}


class _Run:
    def __init__(
        self, work: UnitOfWork, names: Names, operations: Sequence[Operation], most: int | None
    ) -> None:
        self._work, self._names, self._most = work, names, most
        self._waiting = list(operations)
        self._done: dict[int, Done] = {}
        self._made: dict[str, str | None] = {}
        self._promised = {each.bulk_id for each in operations if each.method == "POST"}

    async def run(self) -> dict[int, Done]:
        while self._waiting and not self._is_over():
            ready = self._next()
            if self._most is None and len(ready) > 1:
                await self._make_together(ready)
            else:
                for each in ready:
                    self._note(each, await self._fate(each))
                    if self._is_over():
                        break
        return self._done

    def _is_over(self) -> bool:
        failed = sum(each.error is not None for each in self._done.values())
        return self._most is not None and failed >= self._most

    def _next(self) -> list[Operation]:
        """The first that waits for no other, with those behind it that make people as it does."""
        for index, each in enumerate(self._waiting):
            if all(name in self._made or name not in self._promised for name in each.refers):
                end = index + 1
                while each.makes_person and end < len(self._waiting) and self._waiting[end].makes_person:
                    end += 1
                ready, self._waiting[index:end] = self._waiting[index:end], []
                return ready
        # they wait for each other
        return [
            msgspec.structs.replace(
                self._waiting.pop(0), refused=ConflictError("Operations refer to each other.")
            )
        ]

    async def _make_together(self, ready: Sequence[Operation]) -> None:
        people: list[tuple[Operation, Person]] = []
        for each in ready:
            try:
                people.append((each, users.read_person(each.data)))
            except HarkaError as error:
                self._note(each, Done(error=error))
        try:
            async with self._work.savepoint():
                made = await users.create_many(self._work, self._names, [person for _, person in people])
        except _FATAL:
            raise
        except HarkaError:
            # somebody took a name just now: one by one it is known whose
            for each, _ in people:
                self._note(each, await self._fate(each))
            return
        for (each, _), fate in zip(people, made, strict=True):
            self._note(each, Done(error=fate) if isinstance(fate, HarkaError) else _of(fate, 201))

    def _note(self, operation: Operation, done: Done) -> None:
        self._done[operation.place] = done
        if operation.bulk_id is not None and operation.method == "POST":
            self._made[operation.bulk_id] = done.id

    async def _fate(self, operation: Operation) -> Done:
        try:
            if operation.refused is not None:
                raise operation.refused
            resolved = self._resolved(operation)
            async with self._work.savepoint():
                return await _do(self._work, self._names, resolved)
        except _FATAL:
            raise
        except HarkaError as error:
            return Done(error=error)

    def _resolved(self, operation: Operation) -> Operation:
        for name in operation.refers:
            if name not in self._promised:
                raise ScimRequestError(f"No operation makes bulkId {name[:100]}.", "invalidValue")
            if self._made.get(name) is None:
                raise ConflictError(f"What was to be made as bulkId {name[:100]} was not.")
        if not operation.refers:
            return operation
        return msgspec.structs.replace(
            operation,
            path="/".join(map(self._id, operation.path.split("/"))),
            data=self._replaced(operation.data),
        )

    def _replaced(self, value: Any) -> Any:
        match value:
            case dict():
                return {name: self._replaced(inner) for name, inner in value.items()}
            case list():
                return [self._replaced(inner) for inner in value]
            case str():
                return self._id(value)
            case _:
                return value

    def _id(self, text: str) -> str:
        found = _REFERENCE.fullmatch(text)
        return text if found is None else self._made[found[1]] or text


async def _do(work: UnitOfWork, names: Names, operation: Operation) -> Done:
    place, _, id_ = operation.path.partition("/")
    if place not in _PLACES or "/" in id_:
        raise NotFoundError("Operations are at /Users and /Groups.")
    room: Any = users if place == "Users" else groups
    match operation.method, bool(id_):
        case "POST", False:
            return _of(await room.create(work, names, operation.data), 201)
        case "PUT", True:
            return _of(await room.replace(work, names, id_, operation.data, operation.version))
        case "PATCH", True:
            await room.patch(work, names, id_, operation.data, operation.version)
            return _of(await room.read(work, names, id_))
        case "DELETE", True:
            await room.remove(work, names, id_, operation.version)
            return Done(204, f"{names.base}/{operation.path}")
    raise MethodNotAllowedError(allow="PUT, PATCH, DELETE" if id_ else "POST")


def _of(resource: Resource, status: int = 200) -> Done:
    meta = resource["meta"]
    return Done(status, meta["location"], meta.get("version"), resource["id"])


def _operation(place: int, given: object) -> Operation:
    said = {name.lower(): value for name, value in given.items()} if isinstance(given, dict) else {}
    method, path, bulk_id = (said.get(name) for name in ("method", "path", "bulkid"))
    data, version, refused = said.get("data"), said.get("version"), None
    is_named = isinstance(bulk_id, str) and 0 < len(bulk_id) <= 200  # noqa: PLR2004 - somebody's own name
    if not isinstance(method, str) or method.upper() not in METHODS or not isinstance(path, str):
        refused = ScimRequestError("An operation has a method and a path.", "invalidSyntax")
    elif method.upper() == "POST" and not is_named:
        refused = ScimRequestError("What is made needs a bulkId.", "invalidValue")
    elif method.upper() != "DELETE":
        try:
            data = as_object(data)
        except ScimRequestError as error:
            refused = error
    return Operation(
        place=place,
        method=method.upper() if isinstance(method, str) else "",
        path=path.strip("/") if isinstance(path, str) else "",
        bulk_id=bulk_id if isinstance(bulk_id, str) and is_named else None,
        data=data if isinstance(data, dict) else {},
        version=version if isinstance(version, str) else None,
        refers=frozenset(_references([data, *str(path).split("/")])),
        refused=refused,
    )


def _references(value: object) -> Iterator[str]:
    match value:
        case dict():
            for inner in value.values():
                yield from _references(inner)
        case list():
            for inner in value:
                yield from _references(inner)
        case str() if found := _REFERENCE.fullmatch(value):
            yield found[1]


def _told(operation: Operation, done: Done, names: Names) -> Resource:
    told: Resource = {"method": operation.method}
    if operation.bulk_id is not None:
        told["bulkId"] = operation.bulk_id
    if done.error is not None:
        body = error_body(masked(done.error))
        if operation.method != "POST":
            told["location"] = f"{names.base}/{operation.path}"
        return {**told, "status": body["status"], "response": body}
    if done.version is not None:
        told["version"] = done.version
    return {**told, "location": done.location, "status": str(done.status)}
