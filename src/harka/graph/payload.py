"""What the inputs and payloads of all mutations share; `atomic.py` fills it in."""

from harka.graph.enums import UserErrorCode
from harka.graph.field import graph_input, graph_type, leaf, value


@graph_type
class UserError:
    """What is wrong with an input, for whoever filled it in."""

    code: UserErrorCode = leaf("What kind of mistake it is: stable, to branch on.")
    message: str = leaf("What is wrong, in English.")
    field: str | None = leaf("The field of the input it is about; null when it is about no single one.")


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
