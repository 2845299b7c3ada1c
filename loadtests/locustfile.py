"""The scenarios, as `locust -f loadtests/locustfile.py` finds them; `run.py` makes the server for them."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import gevent
from browse import Browse
from caller import TENANTS
from enroll_rush import EnrollRush
from learn import Learn
from live_progress import LiveProgress
from locust import events
from locust.env import Environment
from locust.runners import WorkerRunner
from partner_sync import PartnerSync
from parts import read

__all__ = ["Browse", "EnrollRush", "Learn", "LiveProgress", "PartnerSync"]


@events.init_command_line_parser.add_listener
def _add_options(parser: ArgumentParser) -> None:
    # plain values only: Locust sends them to its other processes
    parser.add_argument("--tenants", required=True, help="the file that `tenants.load` wrote")
    parser.add_argument("--errors", help="where to write what failed, a line each")
    parser.add_argument("--pace", type=float, default=1.0, help="requests/s of each caller; 0: no pause")


@events.init.add_listener
def _read_tenants(environment: Environment, **_: Any) -> None:
    options = environment.parsed_options
    assert options is not None
    TENANTS.extend(read(Path(options.tenants)))
    # the loop's clock stood still while all this was imported: the run would be over by so much too early
    gevent.get_hub().loop.update_now()


@events.quitting.add_listener
def _write_errors(environment: Environment, **_: Any) -> None:
    options = environment.parsed_options
    assert options is not None
    # of several processes, the one that collects what all of them saw
    if options.errors is None or isinstance(environment.runner, WorkerRunner):
        return
    found = sorted(environment.stats.errors.values(), key=lambda each: -each.occurrences)
    lines = (f"{each.occurrences} times {each.name}: {each.error}".replace("\n", " ") for each in found)
    Path(options.errors).write_text("".join(f"{line[:500]}\n" for line in lines))
