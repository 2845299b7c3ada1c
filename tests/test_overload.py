"""How `loadtests/overload.py` judges: what never came, what nobody knows, and a server that falls silent."""

import math
from collections import Counter
from collections.abc import Sequence

import msgspec
import overload
import pytest
from bounds import Figure, Medians, mass, middle, neighbour, tell
from generator import Outcome, percentile
from rich.console import Console

GOOD = Medians(goodput=0.97, share_refused=0.5, served=150.0, refused=12.0, recovery=0.25, watched=4.0)


def missed(figures: Sequence[Figure], *, strict: bool) -> list[str]:
    return tell(figures, Console(quiet=True), strict=strict)


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({}, []),
        ({"recovery": math.inf}, ["flood, normal after"]),
        ({"recovery": math.nan}, ["flood, normal after"]),
        ({"goodput": math.nan}, ["flood, goodput"]),
        ({"served": math.nan}, ["flood, served p99"]),
        # nobody was: their share tells it, and not how quickly
        ({"share_refused": 0.0, "refused": math.nan}, ["flood, refused"]),
    ],
)
def test_what_never_came_and_what_is_not_known_are_missed(
    change: dict[str, float], names: list[str], *, strict: bool
) -> None:
    medians = msgspec.structs.replace(GOOD, **change)
    assert missed(mass("flood", 2.0, medians), strict=strict) == names


def test_normal_late_but_within_what_was_watched_is_missed_only_strictly() -> None:
    figures = mass("flood", 2.0, msgspec.structs.replace(GOOD, recovery=3.75))
    assert missed(figures, strict=False) == []
    assert missed(figures, strict=True) == ["flood, normal after"]


def test_at_the_capacity_itself_nobody_needs_to_be_refused() -> None:
    nobody = msgspec.structs.replace(GOOD, share_refused=0.0, refused=math.nan)
    assert missed(mass("flood", 1.0, nobody), strict=True) == []
    assert missed(mass("flood", 10.0, nobody), strict=True) == ["flood, refused"]


def test_a_neighbour_whom_nobody_served_is_missed() -> None:
    more = percentile([], 0.99) - percentile([0.1], 0.99)
    names = ["neighbour beside 2x, served in time", "neighbour beside 2x, p99 more than alone"]
    assert missed(neighbour(2.0, 0.0, 1000 * more), strict=False) == names


def test_no_number_is_shown_as_one() -> None:
    shown = [Figure("normal after", value, 2.0, 4.0, "s").shown(value) for value in (math.inf, math.nan, 2.0)]
    assert shown == ["never", "-", "2.00 s"]


def test_a_median_is_known_when_all_of_it_is() -> None:
    assert middle([3.0, 1.0, math.inf]) == 3.0
    assert middle([1.0, math.inf, math.inf]) == math.inf
    assert math.isnan(middle([1.0, math.nan, 2.0]))
    assert math.isnan(middle([]))


def asked(start: float, end: float, took: float, status: int = 200) -> list[tuple[float, float, int]]:
    """A request each 10 ms."""
    return [(start + number / 100, took, status) for number in range(round(100 * (end - start)))]


@pytest.mark.parametrize(
    ("after", "recovery"),
    [
        (asked(3, 7, 0.01), 0.0),
        ([*asked(3, 4, 0.5), *asked(4, 7, 0.01)], 1.0),
        (asked(3, 7, 0.5), math.inf),
        # silent from the end of the flood on, never answered, and for a second after it
        ([], math.inf),
        (asked(3, 7, 30.0, status=0), math.inf),
        (asked(4, 7, 0.01), 1.0),
        # quick at first, and silent then
        (asked(3, 4, 0.01), math.inf),
        ([*asked(3, 4, 0.01), *asked(4, 5, 0.01, status=503), *asked(5, 7, 0.01)], 2.0),
    ],
)
def test_windows_in_which_nobody_is_served_are_not_normal(
    after: list[tuple[float, float, int]], recovery: float
) -> None:
    before = Outcome(asked(0, 1, 0.01), 0.0, [])
    outcome = Outcome([*before.rows, *asked(1, 3, 0.9), *after], 0.0, [])
    assert overload._recovery(outcome, before, 3.0, 7.0) == recovery


def test_what_nobody_was_served_before_is_no_measure_of_what_is_normal() -> None:
    outcome = Outcome(asked(3, 7, 0.01), 0.0, [])
    assert overload._recovery(outcome, outcome.between(0.0, 1.0), 3.0, 7.0) == math.inf


def test_after_a_short_flood_more_is_watched_than_recovery_may_take() -> None:
    flood = overload.Flood(
        peak=100.0,
        goodput=0.97,
        to_elsewhere=0.97,
        kept=math.nan,
        served=150.0,
        share_refused=0.5,
        refused=12.0,
        recovery=math.inf,
        late=4.0,
        failed=Counter(),
    )
    unrefused = msgspec.structs.replace(flood, share_refused=0.0, refused=math.nan, recovery=0.25)
    middles = overload._middles([flood, unrefused, flood], 1.0)
    assert middles == msgspec.structs.replace(GOOD, recovery=math.inf, watched=4.0)
    assert overload._medians([flood], middles)[-2] == "never"


def test_a_server_that_refuses_everybody_has_no_capacity() -> None:
    refused = Outcome(asked(0, 1, 0.01, status=503), 0.0, [])
    with pytest.raises(SystemExit, match=r"nobody is served in time.*\{503: 100\}"):
        overload._capacity(refused, 1.0)
    assert overload._capacity(Outcome(asked(0, 1, 0.01), 0.0, []), 1.0).rate == 100.0
