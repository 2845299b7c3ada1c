"""How a person comes in, as a browser and as an app do it, at a school's own address."""

import html
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx2

from harka.auth.password import hash_password
from harka.repositories import password as passwords
from harka.repositories.user import User
from school import School

PASSWORD = "vexed kiln plumage 4"
WHO = {"query": "{ viewer { user { id } } }"}
_HASH = hash_password(PASSWORD)


async def give_password(school: School, person: User) -> None:
    """The one of these tests."""
    async with school.work() as work:
        await passwords.set_hash(work.session, person.id, _HASH)


class Visitor:
    """A browser without a script: keeps cookies, and sends what browsers send with a form."""

    def __init__(self, http: httpx2.AsyncClient) -> None:
        self.http = http
        self.cookies: dict[str, str] = {}

    @property
    def origin(self) -> str:
        return str(self.http.base_url).rstrip("/")

    async def get(self, path: str, **headers: str) -> httpx2.Response:
        return self._kept(await self.http.get(path, headers=self._headers(headers)))

    async def post(self, path: str, fields: Mapping[str, str], **headers: str) -> httpx2.Response:
        sent = self._headers({"origin": self.origin, **headers})
        return self._kept(await self.http.post(path, data=dict(fields), headers=sent))

    async def ask(self, body: Any = WHO, **headers: str) -> httpx2.Response:
        sent = self._headers({"origin": self.origin, **headers})
        return await self.http.post("/graphql", json=body, headers=sent)

    async def form(self, path: str) -> dict[str, str]:
        """The hidden fields of the form there."""
        text = (await self.get(path)).text
        found = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', text)
        return {name: html.unescape(value) for name, value in found}

    async def sign_in(self, email: str, password: str = PASSWORD, **more: str) -> httpx2.Response:
        fields = {**await self.form("/auth/sign-in"), "email": email, "password": password, **more}
        return await self.post("/auth/sign-in", fields)

    def _headers(self, given: Mapping[str, str]) -> dict[str, str]:
        # ours alone are sent
        self.http.cookies.clear()
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        named = {name.replace("_", "-"): value for name, value in given.items()}
        return {**({"cookie": cookies} if cookies else {}), **named}

    def _kept(self, answer: httpx2.Response) -> httpx2.Response:
        for line in answer.headers.get_list("set-cookie"):
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies.pop(name, None)
            if "Max-Age=0" not in line:
                self.cookies[name] = value
        return answer


@asynccontextmanager
async def visiting(
    school: School, *, host: str = "", address: str = "203.0.113.7", scheme: str = "http"
) -> AsyncIterator[Visitor]:
    """`address`: the client's. The school's own host unless told."""
    transport = httpx2.ASGITransport(school.app, client=(address, 5000))
    async with httpx2.AsyncClient(transport=transport, base_url=f"{scheme}://{host or school.host}") as http:
        yield Visitor(http)
