"""A school whose directory writes to it: a token of the owner's, and requests as it sends them."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
import msgspec
import pytest

from harka.learning import scim_token
from harka.learning.work import unit_of_work
from harka.repositories.user import User
from harka.tenancy.context import TenantContext, operator_context
from school import School

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"


@dataclass
class Directory:
    """Speaks SCIM to a school. `statements`: of the last request."""

    school: School
    token: str
    host: str = ""
    statements: int = 0

    async def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> httpx2.Response:
        school = self.school
        transport = httpx2.ASGITransport(school.app)
        given = {"authorization": f"Bearer {self.token}", **(headers or {})}
        if body is not None:
            more["content"] = msgspec.json.encode(body)
            given.setdefault("content-type", "application/scim+json")
        base = f"http://{self.host or school.host}"
        async with httpx2.AsyncClient(transport=transport, base_url=base, timeout=60) as client:
            answer = await client.request(method, f"/scim/v2{path}", headers=given, **more)
        self.statements = school.app.record.statements
        return answer

    async def get(self, path: str, **parameters: Any) -> Any:
        answer = await self.send("GET", path, params=parameters)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def post(self, path: str, body: Any, status: int = 201) -> Any:
        answer = await self.send("POST", path, body)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def put(self, path: str, body: Any) -> Any:
        answer = await self.send("PUT", path, body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def patch(self, path: str, *operations: Any, status: int = 200) -> Any:
        answer = await self.send("PATCH", path, {"schemas": [PATCH], "Operations": list(operations)})
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    async def refused(self, method: str, path: str, body: Any = None, **more: Any) -> tuple[int, str | None]:
        """How a request is refused: its status, and the keyword."""
        answer = await self.send(method, path, body, **more)
        told = answer.json()
        assert told["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:Error"]
        assert told["status"] == str(answer.status_code)
        assert answer.headers["content-type"].startswith("application/scim+json")
        return answer.status_code, told.get("scimType")


@pytest.fixture
async def directory(school: School) -> Directory:
    return await directory_of(school)


async def directory_of(school: School, context: TenantContext | None = None) -> Directory:
    """Who has a token of `context`'s, or of the operator's: it may do everything."""
    async with working(school, context) as work:
        made = await scim_token.create(work, name="Example Directory")
    await school.runtime.directory.refresh()
    return Directory(school, made.text)


@asynccontextmanager
async def working(school: School, context: TenantContext | None = None) -> AsyncIterator[Any]:
    """A unit of work that reaches the catalog."""
    runtime = school.runtime
    async with unit_of_work(
        runtime.databases,
        runtime.cache,
        runtime.pubsub,
        context or operator_context(school.organization),
        read_only=False,
        timeout=20.0,
        outside=runtime.outside,
    ) as work:
        yield work


def described(user_name: str, **more: Any) -> dict[str, Any]:
    """Somebody as a directory describes them."""
    return {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": user_name, **more}


__all__ = ["Directory", "User", "described", "directory", "directory_of", "working"]
