"""What the payloads of all mutations share.

A payload names the changed node, nullable: typed user errors will come as another field beside it, and a
payload with errors has no node. Until then every refusal is an entry in the answer's `errors`.
"""

from typing import Annotated, Final

import strawberry

CLIENT_MUTATION_ID: Final = "What the client sent as `clientMutationId`, to match answers to requests."

ClientMutationId = Annotated[
    str | None,
    strawberry.field(description="Any text; the payload repeats it, to match answers to requests."),
]
