"""What every scenario is made of: one who calls the API for an organization, one request at a time."""

import json
import random
import time
from typing import Any, Final, TypeVar

from locust.contrib.fasthttp import FastHttpUser
from locust.env import Environment
from parts import Person, Tenant

T = TypeVar("T")

TENANTS: Final[list[Tenant]] = []
"""Filled by the locustfile before the first caller is made."""


class Caller(FastHttpUser):
    """Each task sends one request, so that callers times pace is the load asked for."""

    abstract = True

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        # larger organizations have more people at work, if not in proportion
        self.tenant = random.choices(TENANTS, [tenant.size**0.5 for tenant in TENANTS])[0]  # noqa: S311 - no secret
        self.person: Person = pick(self.tenant.people)
        self._pace: float = environment.parsed_options.pace
        self._next = time.monotonic()

    def wait_time(self) -> float:
        """Requests come at random moments, at the pace in the long run, whatever each takes."""
        if not self._pace:
            return 0.0
        self._next += random.expovariate(self._pace)
        return max(self._next - time.monotonic(), 0.0)

    @property
    def as_person(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.person.token}"}

    @property
    def as_program(self) -> dict[str, str]:
        return {"X-API-Key": self.tenant.key}

    def ask(
        self, name: str, document: str, variables: dict[str, Any], headers: dict[str, str]
    ) -> dict[str, Any] | None:
        """The answer's data; None, and a failure in the statistics, when anything went wrong."""
        body = {"query": document, "variables": variables}
        with self.client.post(
            "/graphql", json=body, headers=headers, name=name, catch_response=True
        ) as response:
            failure = _failure(response.status_code, response.text)
            if failure is not None:
                response.failure(failure)
                return None
            data: dict[str, Any] = response.json()["data"]
            return data


def pick(items: list[T]) -> T:
    return random.choice(items)  # noqa: S311 - no secret hangs on it


def _failure(status: int, text: str | None) -> str | None:
    """Without the request's id, so that the same failures count as one."""
    try:
        answer = json.loads(text or "")
    except ValueError:
        return f"{status} {(text or '')[:200]}"
    for error in answer.get("errors", ()):
        return f"{status} {error.get('extensions', {}).get('code')}: {error.get('message')}"
    for payload in (answer.get("data") or {}).values():
        for error in payload.get("errors", ()) if isinstance(payload, dict) else ():
            return f"{status} {error['code']}: {error['message']}"
    return None if status == 200 else f"{status} {(text or '')[:200]}"
