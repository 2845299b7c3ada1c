"""What the inputs and payloads of all mutations share; `atomic.py` fills it in."""

from typing import TypeVar

import strawberry
from msgspec import UNSET, UnsetType

from harka.errors import ValidationError
from harka.graph.enums import QuotaResource, UserErrorCode
from harka.graph.field import graph_input, graph_type, leaf, value

T = TypeVar("T")


@graph_type
class ReachedLimit:
    """A limit of the plan that has no room for what was asked: `organization.quota` tells the same figures.

    Nothing of it comes back with time alone: people go, files are deleted, jobs that wait are done.
    """

    resource: QuotaResource = leaf("What is bounded.")
    limit: float = leaf("How much there may be.")
    used: float = leaf("How much there is.")


@graph_type
class UserError:
    """What is wrong with an input, for whoever filled it in."""

    code: UserErrorCode = leaf("What kind of mistake it is: stable, to branch on.")
    message: str = leaf("What is wrong, in English.")
    field: str | None = leaf("The field of the input it is about; null when it is about no single one.")
    limit: ReachedLimit | None = leaf(
        "Which limit of the plan is reached; null for another mistake, and in what is kept of a bulk change."
    )


@graph_input
class MutationInput:
    """What every input has."""

    client_mutation_id: str | None = value(
        "Any text; the payload repeats it, to match answers to requests.", default=None
    )


@graph_type
class Payload:
    """What every payload has."""

    errors: list[UserError] = leaf(
        "What the user can mend; then nothing was done, and everything else is null."
    )
    client_mutation_id: str | None = leaf(
        "What the client sent as `clientMutationId`, to match answers to requests."
    )


def optional(given: T | None) -> T | UnsetType | None:
    """Of a change: what is omitted stays as it is, null takes it away."""
    return UNSET if given is strawberry.UNSET else given


def required(given: T | None, field: str) -> T | UnsetType:
    """Of a change that cannot take anything away. Raise `ValidationError` for null."""
    if given is None:
        raise ValidationError("This must not be null.", field=field)
    return UNSET if given is strawberry.UNSET else given
