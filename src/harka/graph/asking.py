"""Stored queries executed by the engine that executes clients'."""

from collections.abc import Mapping
from typing import Any

from harka.graph.answer import Answer
from harka.graph.execution import Engine
from harka.graph.request import Request
from harka.learning.asking import Ask, Reply
from harka.runtime import Runtime
from harka.tenancy.context import TenantContext


def asker(runtime: Runtime) -> Ask:
    """What executes them in this process."""
    engine = Engine(runtime)

    async def ask(context: TenantContext, text: str, variables: Mapping[str, Any]) -> Reply:
        prepared = engine.prepare(Request(query=text, variables=variables), context)
        answer = prepared if isinstance(prepared, Answer) else await engine.execute(prepared, context)
        return Reply(answer.body, answer.failure or answer.outage)

    return ask
