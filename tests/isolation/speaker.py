"""A client that speaks as any tenant, and hears the answer, its cost in SQL, and what was logged of it."""

import asyncio
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx2
from operations import RootField, load_schema, root_fields
from worlds import World

FIELDS = list(root_fields(load_schema()))
_PATIENCE = 5.0  # seconds for the log's own thread to write a line

# which type an argument of this name takes
_TYPE_OF_ARGUMENT = {
    "courseId": "Course",
    "userId": "User",
    "enrollmentId": "Enrollment",
    "lessonId": "Lesson",
}
_OWN_SCALAR: Mapping[str, Any] = {"Int": 20, "Float": 0.5, "Boolean": False, "String": "MATH-1"}


class LogLines(io.TextIOBase):
    """A stream that remembers its lines."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def write(self, text: str) -> int:
        self.lines += text.splitlines()
        return len(text)


@dataclass(frozen=True)
class Answer:
    status: int
    text: str
    request_id: str
    statements: int
    log: str

    @property
    def body(self) -> Any:
        return json.loads(self.text)

    @property
    def codes(self) -> set[str]:
        return {error["extensions"]["code"] for error in self.body.get("errors", ())}

    @property
    def unnamed(self) -> str:
        """Without the request's own id: two answers equal in this cannot be told apart."""
        return self.text.replace(self.request_id, "")


@dataclass(frozen=True)
class Speaker:
    http: httpx2.AsyncClient
    log: LogLines
    domain: str

    async def ask(
        self,
        world: World,
        field: RootField | str,
        variables: Mapping[str, Any] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        host: str | None = None,
    ) -> Answer:
        """As the owner of `world`, at its address, unless told otherwise."""
        document = field if isinstance(field, str) else field.document
        begin = len(self.log.lines)
        response = await self.http.post(
            "/graphql",
            json={"query": document, "variables": dict(variables or {})},
            headers={
                "host": host or self.address(world),
                **({"authorization": f"Bearer {world.owner}"} if headers is None else headers),
            },
        )
        request_id = response.headers["x-request-id"]
        lines, statements = await self._logged(request_id, begin)
        return Answer(response.status_code, response.text, request_id, statements, "\n".join(lines))

    def address(self, world: World) -> str:
        return f"{world.organization.slug}.{self.domain}"

    async def _logged(self, request_id: str, begin: int) -> tuple[list[str], int]:
        """The lines of one request; the access line is its last."""
        async with asyncio.timeout(_PATIENCE):
            while True:
                lines = [line for line in self.log.lines[begin:] if request_id in line]
                for line in map(json.loads, lines):
                    if line["event"] == "request":
                        return lines, line["statements"]
                await asyncio.sleep(0)


def own_value(world: World, noun: str = "Course") -> Callable[[str, str], Any]:
    """The world's own value for an argument; an id that could be of any type is one of `noun`."""

    def value(name: str, type_name: str) -> Any:
        if type_name == "ID":
            return world.id_of(_TYPE_OF_ARGUMENT.get(name, noun))
        return 1 if name == "version" else _OWN_SCALAR.get(type_name)

    return value
