"""What every resolver may reach: the caller, the unit of work, the loaders."""

from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec
import strawberry

from harka import executor
from harka.errors import UnauthenticatedError
from harka.graph.loaders.loader import Loaders
from harka.graph.permission import Access, Required
from harka.ids import NodeKind
from harka.learning.work import UnitOfWork
from harka.runtime import Runtime
from harka.tenancy.context import ActorKind, TenantContext
from harka.tenancy.permission import Permission

if TYPE_CHECKING:
    # they know the types, and these know this
    from harka.graph.document import Documents
    from harka.graph.trusted import TrustedDocuments


class Outcome(msgspec.Struct):
    """`done`: a mutation succeeded, so there is something to commit."""

    done: bool = False


class RequestContext(msgspec.Struct, frozen=True, kw_only=True):
    """Made for one operation, or one event of a subscription.

    `savepoints`: the operation has several mutations, each is undone on its own. `documents`, `trusted`: for
    whoever is given a document that is to be executed later.
    """

    tenant: TenantContext
    work: UnitOfWork
    loaders: Loaders
    runtime: Runtime
    outcome: Outcome
    documents: "Documents"
    trusted: "TrustedDocuments"
    savepoints: bool = False

    @property
    def request_id(self) -> str:
        return self.tenant.request_id

    @property
    def seal(self) -> Any:
        """What writes the organization's node ids into an answer; the twin is `runtime.node_ids`."""
        return executor.Seal(self.runtime.node_ids.key, self.tenant.organization.id.bytes)

    def require(self, required: Required) -> None:
        """Raise `UnauthenticatedError` for nobody, `ForbiddenError` for who lacks a permission."""
        if isinstance(required, Permission):
            self.tenant.require(required)
        elif required is Access.SIGNED_IN and self.tenant.actor.kind is ActorKind.ANONYMOUS:
            raise UnauthenticatedError

    def open_id(self, kind: NodeKind, text: str, field: str | None = None) -> UUID:
        """Raise `InvalidIdError` when `text`, given as `field`, is no id of this kind here."""
        return self.runtime.node_ids.open_as(self.tenant.organization.id, kind, text, field=field)


Info = strawberry.Info[RequestContext, Any]
