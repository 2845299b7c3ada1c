"""PostgreSQL and Valkey of a test's own, prepared, with one tenant; each can be stopped and started again."""

import shutil
import tempfile
from pathlib import Path

import msgspec

from harka.auth import api_key
from harka.cli.embedded import process
from harka.cli.embedded.prepare import prepare
from harka.cli.embedded.servers import Embedded
from harka.config import Settings, load
from harka.opening import open_runtime
from harka.repositories.organization import Organization
from harka.tenancy.permission import Permission
from harka.tenancy.plan import Plan
from harka.tenancy.provisioning import create_tenant

_TIMEOUT = 30.0


class OwnServers:
    """`name`: postgres or valkey."""

    def __init__(self) -> None:
        given = load()
        self._directory = Path(tempfile.mkdtemp(prefix="harka-own-", dir="/var/tmp"))
        self._directory.chmod(0o755)
        programs = Settings(pg_bin=given.pg_bin, valkey_bin=given.valkey_bin)
        self._embedded = Embedded(programs, self._directory, durable=False)

    @property
    def settings(self) -> Settings:
        return msgspec.structs.replace(
            self._embedded.settings, metrics_port=0, port=0, graphiql=False, shutdown_grace=5.0
        )

    def start(self) -> None:
        self._embedded.start()
        self._embedded.wait()

    async def prepare(self) -> tuple[Organization, str]:
        """A tenant, and the text of an API key of its own that may do everything."""
        await prepare(self.settings, self._embedded.admin_url)
        async with open_runtime(self.settings) as runtime:
            tenant = await create_tenant(
                runtime.catalog,
                self.settings,
                name="Own",
                slug="own",
                plan=Plan.ENTERPRISE,
                users_expected=10,
            )
            key = await api_key.create(runtime.catalog, tenant.id, name="own", scopes=list(Permission))
        return tenant, key.text

    def stop(self, name: str) -> None:
        process.stop([child for child in self._embedded._children if child.program.name == name], _TIMEOUT)

    def revive(self) -> None:
        """Start what was stopped; return when it answers."""
        self._embedded.revive()
        self._embedded.wait()

    def remove(self) -> None:
        self._embedded.stop()
        shutil.rmtree(self._directory, ignore_errors=True)
