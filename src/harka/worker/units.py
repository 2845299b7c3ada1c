"""For handlers whose work is more than one transaction."""

from contextlib import AbstractAsyncContextManager

import msgspec

from harka.auth.delegation import Delegate, context_for
from harka.errors import InternalError
from harka.learning.asking import Ask
from harka.learning.work import UnitOfWork, unit_of_work
from harka.repositories.organization import Organization
from harka.runtime import Runtime
from harka.storage.session import open_session
from harka.tenancy.context import TenantContext

_TIMEOUT = 5.0


class Units(msgspec.Struct, frozen=True):
    """Of one job. What is committed stays, whatever becomes of the job: a part must know that it was done.

    `asked`: executes stored queries, None in a process without a graph.
    """

    runtime: Runtime
    organization: Organization
    request_id: str
    asked: Ask | None = None

    @property
    def ask(self) -> Ask:
        """Raise `InternalError` in a process that was put together without."""
        if self.asked is None:
            raise InternalError
        return self.asked

    def begin(
        self, context: TenantContext, *, timeout: float, read_only: bool = False
    ) -> AbstractAsyncContextManager[UnitOfWork]:
        """Committed at the end of the block. `timeout`: seconds for all of it."""
        runtime = self.runtime
        return unit_of_work(
            runtime.databases,
            runtime.cache,
            runtime.pubsub,
            context,
            read_only=read_only,
            timeout=timeout,
            outside=runtime.outside,
        )

    async def acting(self, delegate: Delegate) -> TenantContext:
        """Who asked for the job, as of now. Raise `UnauthenticatedError`."""
        organization = self.organization
        record = self.runtime.directory.current.records.get(organization.id)
        session = open_session(
            self.runtime.databases,
            organization.location,
            organization.id,
            read_only=True,
            single=True,
            timeout=_TIMEOUT,
        )
        try:
            return await context_for(
                session,
                organization,
                delegate,
                () if record is None else record.api_keys,
                request_id=self.request_id,
            )
        finally:
            await session.rollback()
