"""What Locust writes in the end: for each name counts, and rounded times as a histogram."""

from collections import Counter
from pathlib import Path

import msgspec

from harka.errors import OverloadedError


class Line(msgspec.Struct, frozen=True):
    """`times`: how many answers took so many milliseconds (Locust rounds to two digits)."""

    name: str
    requests: int
    failures: int
    times: dict[int, int]
    longest: float

    def percentile(self, share: float) -> float:
        """Milliseconds in which `share` of the answers were there."""
        wanted, seen = share * sum(self.times.values()), 0
        for time in sorted(self.times):
            seen += self.times[time]
            if seen >= wanted:
                return time
        return 0.0


class Figures(msgspec.Struct, frozen=True):
    """`seconds`: from the first answer to the last. `errors`: what failed how often, a line each."""

    lines: list[Line]
    seconds: float
    errors: list[str]

    @property
    def total(self) -> Line:
        times: Counter[int] = Counter()
        for line in self._requests:
            times.update(line.times)
        return Line(
            name="all requests",
            requests=sum(line.requests for line in self._requests),
            failures=self.failures,
            times=dict(times),
            longest=max((line.longest for line in self._requests), default=0.0),
        )

    @property
    def failures(self) -> int:
        return sum(line.failures for line in self.lines)

    @property
    def refused(self) -> int:
        """Of the failures those that say that too much was asked for at once."""
        return sum(int(line.split()[0]) for line in self.errors if OverloadedError.code in line)

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.total.requests / self.seconds

    @property
    def _requests(self) -> list[Line]:
        """Without what is no request but an observation."""
        return [line for line in self.lines if not line.name.endswith(": event")]


class _Entry(msgspec.Struct, frozen=True):
    name: str
    num_requests: int
    num_failures: int
    start_time: float
    last_request_timestamp: float | None
    max_response_time: float
    response_times: dict[str, int]


def read(path: Path, errors: Path) -> Figures:
    entries = [
        entry for entry in msgspec.json.decode(path.read_bytes(), type=list[_Entry]) if entry.num_requests
    ]
    began = min((entry.start_time for entry in entries), default=0.0)
    ended = max((entry.last_request_timestamp or 0.0 for entry in entries), default=0.0)
    lines = [_line(entry) for entry in sorted(entries, key=lambda each: each.name)]
    return Figures(lines, max(ended - began, 0.001), errors.read_text().splitlines())


def _line(entry: _Entry) -> Line:
    return Line(
        name=entry.name,
        requests=entry.num_requests,
        failures=entry.num_failures,
        times={round(float(time)): count for time, count in entry.response_times.items()},
        longest=entry.max_response_time,
    )
