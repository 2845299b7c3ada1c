"""What a client asks for, and the operation that it comes to."""

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec
from graphql import OperationType

from harka.codec import sorted_json_bytes
from harka.graph.document import Document
from harka.graph.plan import Operation


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What a client sends, by whichever way.

    `persisted`: the SHA-256 of the document's text, where the client names it so; then `query` may be empty.
    `idempotency_key`: names a mutation that is to be done once, however often it is sent. `tells_cost`: the
    answer says what it cost.
    """

    query: str
    persisted: str | None = None
    variables: Mapping[str, Any] | None = None
    operation_name: str | None = None
    idempotency_key: str | None = None
    tells_cost: bool = False


class Prepared(msgspec.Struct, frozen=True):
    """A document that may be executed, and the operation of it that shall be."""

    document: Document
    operation: Operation
    request: Request

    @property
    def is_subscription(self) -> bool:
        return self.operation.kind is OperationType.SUBSCRIPTION

    @property
    def idempotency_key(self) -> str | None:
        """Of a mutation alone: to read twice does no harm."""
        return self.request.idempotency_key if self.operation.is_mutation else None

    @property
    def fingerprint(self) -> bytes:
        """32 bytes, others for another request."""
        asked = (self.request.query, self.request.operation_name, dict(self.request.variables or {}))
        return hashlib.sha256(sorted_json_bytes(asked)).digest()

    @property
    def name(self) -> str:
        """The operation's name, or else its first field's: for logs and metrics."""
        return self.operation.name
