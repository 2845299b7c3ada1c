"""How what is below the graph has a stored query answered: who puts the process together brings it along."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec

from harka.errors import HarkaError
from harka.tenancy.context import TenantContext


class Reply(msgspec.Struct, frozen=True):
    """`body`: the answer as a client would get it, for `codec.json_bytes`.

    `failure`: why nothing was executed, None when it was.
    """

    body: Mapping[str, Any]
    failure: HarkaError | None = None


Ask = Callable[[TenantContext, str, Mapping[str, Any]], Awaitable[Reply]]
"""Executes a query's text with variables, as who asks. Never raises a `HarkaError`."""
