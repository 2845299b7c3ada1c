from typing import Annotated, Final

import msgspec
import strawberry
from strawberry.scalars import JSON

from harka.codec import JsonEncodeError, from_json, json_bytes
from harka.errors import PersistedDocumentRequiredError, ValidationError
from harka.graph.bulk_query import accept_query
from harka.graph.context import Info
from harka.graph.field import graph_input, graph_type, leaf, mutation, value
from harka.graph.payload import MutationInput, Payload
from harka.graph.types.bulk_operation import BulkOperation
from harka.ids import NodeKind
from harka.learning import bulk_operation
from harka.learning.bulk_operation import KEPT, MOST_BYTES, MOST_OPEN, QueryDraft
from harka.learning.text import accept_text
from harka.repositories.bulk_operation import BulkOperation as BulkOperationRow
from harka.tenancy.entitlement import limits_for
from harka.tenancy.permission import Permission

_LONGEST: Final = 20_000
"""Characters of a query, and of its variables as JSON."""
_SHARE_OF_PAGE: Final = 0.5
"""Of all points that may be saved up: the other half is left to whoever asks meanwhile."""


class Changed(msgspec.Struct, frozen=True):
    bulk_operation: BulkOperationRow


@graph_input
class CreateBulkOperationInput(MutationInput):
    """Of which list what is wanted."""

    query: str = value(
        "A query with one list at its root: `{ users(filter: {role: LEARNER}) { nodes { id name } } }`. Its "
        "`first` and `after` are left out or of no account; lists with pages below its nodes are refused, "
        "and orders in which a node may move while the list is read: it comes in the order of `CREATED_AT` "
        "(events of `SEQUENCE`)."
    )
    variables: JSON = value("Those of the query, as an object.", default_factory=dict)


@graph_input
class CancelBulkOperationInput(MutationInput):
    """Which operation is not to be run to its end."""

    id: strawberry.ID = value("The operation.")
    version: int | None = value("The version that was read; omit it for whatever there is.", default=None)


@graph_type
class CreateBulkOperationPayload(Payload):
    """The operation that was put in."""

    bulk_operation: BulkOperation | None = leaf("The operation.")


@graph_type
class CancelBulkOperationPayload(Payload):
    """The operation that ends."""

    bulk_operation: BulkOperation | None = leaf("The operation as it is now.")


async def _create(
    info: Info,
    given: Annotated[CreateBulkOperationInput, strawberry.argument(name="input", description="The query.")],
) -> Changed:
    context = info.context
    if not context.trusted.accepts(given.query):
        raise PersistedDocumentRequiredError
    query, variables = accept_text(given.query, "query", longest=_LONGEST), _written(given.variables)
    most = limits_for(context.tenant.organization).points * _SHARE_OF_PAGE
    accepted = accept_query(context.documents, query, from_json(variables), most=most)
    draft = QueryDraft(query=query, variables=variables, document=accepted.text)
    seal_key = context.runtime.keyring.seal
    return Changed(await bulk_operation.create(context.work, draft, seal_key=seal_key))


def _written(variables: object) -> str:
    """As JSON. Raise `ValidationError`."""
    try:
        text = json_bytes(variables).decode() if isinstance(variables, dict) else ""
    except JsonEncodeError:
        text = ""
    if not text or len(text) > _LONGEST:
        words = f"An object of variables by their names, of at most {_LONGEST:,} characters."
        raise ValidationError(words, field="variables")
    return text


async def _cancel(
    info: Info,
    given: Annotated[CancelBulkOperationInput, strawberry.argument(name="input", description="Which.")],
) -> Changed:
    context = info.context
    id_ = context.open_id(NodeKind.BULK_OPERATION, given.id, "id")
    files = context.runtime.files
    return Changed(await bulk_operation.cancel(context.work, files, id_, version=given.version))


@strawberry.type
class BulkOperationMutation:
    create_bulk_operation: CreateBulkOperationPayload | None = mutation(
        _create,
        "Have a query run over all that a list has, as the caller, with what they may see then: a job writes "
        f"a file with a line of JSON for each node, of at most {MOST_BYTES // 2**20:,} MiB, kept for "
        f"{KEPT.days} days. What is new meanwhile may be in it or not; nothing is in it twice. At most "
        f"{MOST_OPEN} of an organization wait or run.",
        requires=Permission.JOB_WRITE,
    )
    cancel_bulk_operation: CancelBulkOperationPayload | None = mutation(
        _cancel,
        "Cancel an operation: what was written of it goes. Doing it twice changes nothing; CONFLICT "
        "when it is over.",
        requires=Permission.JOB_WRITE,
    )
