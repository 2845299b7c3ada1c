"""What people and groups are called by a directory: their ids, sealed to the organization, and addresses."""

from typing import Final
from uuid import UUID

import msgspec
from starlette.types import Scope

from harka.errors import InvalidIdError, NotFoundError
from harka.ids import NodeIds, NodeKind
from harka.web.middleware.security_headers import is_secure

ROOT: Final = "/scim/v2"
PLACES: Final = {NodeKind.USER: "Users", NodeKind.GROUP: "Groups"}
_ABSENT: Final = {
    NodeKind.USER: "There is no such user here.",
    NodeKind.GROUP: "There is no such group here.",
}


class Names(msgspec.Struct, frozen=True):
    """Of one organization. `base`: the address of all that is served here."""

    ids: NodeIds
    tenant: UUID
    base: str

    def id(self, kind: NodeKind, id_: UUID) -> str:
        return self.ids.seal(self.tenant, kind, id_)

    def location(self, kind: NodeKind, id_: UUID) -> str:
        return f"{self.base}/{PLACES[kind]}/{self.id(kind, id_)}"

    def open(self, kind: NodeKind, text: str) -> UUID:
        """Raise `NotFoundError` for whatever names nothing here, another organization's too."""
        found = self.find(kind, text)
        if found is None:
            raise NotFoundError(_ABSENT[kind], field="id")
        return found

    def find(self, kind: NodeKind, text: object) -> UUID | None:
        """None for whatever names nothing here."""
        try:
            return self.ids.open_as(self.tenant, kind, text) if isinstance(text, str) else None
        except InvalidIdError:
            return None


def base_of(scope: Scope) -> str:
    """By the address that the client used, which was resolved to the organization."""
    headers = dict(scope["headers"])
    forwarded = headers.get(b"x-forwarded-host") if scope["harka"].trusted else None
    host = (forwarded or headers.get(b"host", b"")).decode("latin-1")
    return f"{'https' if is_secure(scope) else 'http'}://{host}{ROOT}"
