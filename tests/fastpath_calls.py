"""The four functions of the fast path, each called as often, for whoever counts their instructions."""

import sys
from typing import Final

CALLS: Final = 1_000
HEADERS: Final = [
    (b"host", b"acme.harka.ai"),
    (b"user-agent", b"partner-sync/1.4"),
    (b"accept", b"application/graphql-response+json, application/json"),
    (b"accept-encoding", b"gzip, deflate"),
    (b"content-type", b"application/json"),
    (b"content-length", b"212"),
    (b"x-api-key", b"hk_abcdefghijkl_" + b"s" * 43),
]
_KEY: Final = bytes(range(16))
_TENANT: Final = bytes.fromhex("01890c3e7c4b7a308c2e0123456789ab")


def main(calls: int) -> None:
    from harka import _fastpath  # noqa: PLC0415 - the number above is read where nothing is compiled, too

    table = _fastpath.HostTable("harka.ai", {"acme": 0}, {}, {"abcdefghijkl": 0})
    bucket = _fastpath.Bucket(1e-9, 2**53)
    for _ in range(calls):
        table.resolve(HEADERS, False)
        _fastpath.cache_key(_KEY, _TENANT, 7, 3, "course", ("01890c3e-7c4b-7a30-8c2e", 20, None))
        _fastpath.select_shard(_TENANT, 50)
        bucket.take(1.0)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else CALLS)
