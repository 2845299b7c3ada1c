"""GraphQL over HTTP as the authors of its specification check it: the audits of npm's `graphql-http`."""

import asyncio
import json
from pathlib import Path

from doors import MakeTenant
from harka.auth import api_key
from harka.config import Settings
from harka.runtime import Runtime
from harka.tenancy.permission import Permission
from node import run
from served import served

AUDITS = 61


async def test_every_audit_of_the_specification_passes(
    packages: Path, make_tenant: MakeTenant, runtime: Runtime, settings: Settings, tmp_path: Path
) -> None:
    tenant = await make_tenant()
    key = await api_key.create(runtime.catalog, tenant.id, name="audits", scopes=list(Permission))
    async with served(settings, tmp_path / "log") as address:
        said = await asyncio.to_thread(run, packages, "node", "audit.mjs", f"{address}/graphql", key.text)
    results = [json.loads(line) for line in said.splitlines()]
    assert len(results) == AUDITS
    assert [result for result in results if result["status"] != "ok"] == []
