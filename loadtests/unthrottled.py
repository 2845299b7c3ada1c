"""`harka serve` as it is, but for the rate that a plan buys.

The quota check runs on every request as ever; only its numbers are out of reach, for a few organizations get
all the load, and what is asked is how fast the server can answer, not how fast it may.
"""

import sys

import msgspec

from harka.tenancy import plan

_ENDLESS = 1e9

plan.LIMITS = {
    name: msgspec.structs.replace(
        limits,
        requests_per_second=_ENDLESS,
        burst=int(_ENDLESS),
        points_per_second=_ENDLESS,
        points=int(_ENDLESS),
        requests_per_month=None,
        concurrent_requests=int(_ENDLESS),
        sockets=int(_ENDLESS),
        cpu_millicores=int(_ENDLESS),
        memory_bytes=2**53,
    )
    for name, limits in plan.LIMITS.items()
}

if __name__ == "__main__":
    # after the change above, whatever they import by name
    from harka.cli import children
    from harka.cli.main import main

    # several processes: each as this one
    children.PROGRAM = (sys.executable, "-P", __file__)  # type: ignore[misc]  # it is final to everybody else

    sys.argv[0] = "harka"
    main()
