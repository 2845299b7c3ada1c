"""HARKA without its peers, on the same data, asked the same questions: for what measures it alone."""

import asyncio
import contextlib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence

import ground
import measure
import msgspec
import peers
from measure import FailedError
from peers import Peer, Place
from questions import QUESTIONS, Asked, Bodies, Opening, opened, sealed_bodies
from stage import Stage, stage

from harka.cli.signals import interrupt_on_stop
from harka.errors import HarkaError
from harka.ids import NodeKind
from node import MissingError


class Alone(msgspec.Struct, frozen=True):
    """`questions`: bodies of requests by the question's name."""

    stage: Stage
    questions: Mapping[str, Sequence[str]]
    place: Place
    bodies: Bodies
    opening: Opening

    @contextlib.contextmanager
    def serving(self, *, workers: int = 1) -> Iterator[Peer]:
        with peers.harka(self.stage, self.place, self.bodies, self.opening, workers=workers) as peer:
            yield peer


def measured(measures: Callable[[Alone], None]) -> int:
    """The exit code of a command that `measures` with servers of its own, and `wrk`."""
    interrupt_on_stop()
    try:
        measure.require_wrk()
        with stage() as staged:
            measures(_laid(staged))
    except (MissingError, FailedError, HarkaError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _laid(staged: Stage) -> Alone:
    laid = asyncio.run(ground.lay(staged))
    asked = Asked(laid.tenant, laid.users)
    bodies = sealed_bodies(lambda user: laid.node_ids.seal(laid.tenant, NodeKind.USER, user))
    return Alone(
        stage=staged,
        questions={each.name: bodies(each.name, asked) for each in QUESTIONS},
        place=Place(str(laid.tenant), laid.schema, laid.key),
        bodies=bodies,
        opening=opened(laid.node_ids, laid.tenant),
    )
