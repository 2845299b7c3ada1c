"""The limit by what was measured; a server is a formula here, and the clock a number."""

from harka.tenancy.concurrency import INITIAL, LEAST, WINDOW, Concurrency


class Server:
    """Works on `cores` at once, `seconds` each; who is beyond that waits behind them."""

    def __init__(self, *, cores: int, seconds: float, most: int = 256) -> None:
        self.cores, self.seconds = cores, seconds
        self.concurrency = Concurrency(most)
        self.now = 0.0
        self.limits: list[int] = []

    def window(self, *, demand: int) -> int:
        """The limit after as many requests as are looked at together, of `demand` that want to be let in."""
        for _ in range(WINDOW):
            under_way = min(demand, self.concurrency.limit)
            if demand > self.concurrency.limit or under_way > self.concurrency.busy:
                self.concurrency.press(self.now)
            took = self.seconds * max(under_way / self.cores, 1.0)
            self.now += took / under_way
            if self.concurrency.watches:
                self.concurrency.record(took, under_way, self.now)
        self.limits.append(self.concurrency.limit)
        return self.concurrency.limit

    def settle(self, *, demand: int = 1000, windows: int = 40) -> int:
        for _ in range(windows):
            self.window(demand=demand)
        return self.concurrency.steady


def test_the_limit_stays_near_what_keeps_the_server_busy() -> None:
    for cores in (8, 16, 32, 64):
        server = Server(cores=cores, seconds=0.01)
        assert cores <= server.settle() <= 5 * cores, cores


def test_where_few_keep_it_busy_few_more_are_under_way() -> None:
    for cores in (1, 2, 8):
        server = Server(cores=cores, seconds=0.01)
        assert server.settle() <= 2 * LEAST, cores


def test_a_server_that_gets_slower_is_asked_for_less_and_then_for_more_again() -> None:
    server = Server(cores=64, seconds=0.01)
    before = server.settle()
    server.cores = 8
    slower = server.settle()
    server.cores = 64
    assert before > 1.5 * slower
    assert server.settle(windows=200) > 1.5 * slower


def test_without_pressure_nothing_changes_however_long_requests_take() -> None:
    server = Server(cores=1, seconds=5.0)
    for _ in range(20):
        assert server.window(demand=INITIAL) == INITIAL
        assert not server.concurrency.watches


def test_a_limit_that_grew_while_requests_were_light_shrinks_though_nobody_waits() -> None:
    server = Server(cores=128, seconds=0.0005)
    assert server.settle() > 130
    server.cores, server.seconds = 2, 0.002
    assert server.settle(demand=120) < 32


def test_the_ideal_time_is_measured_while_few_are_under_way() -> None:
    server = Server(cores=16, seconds=0.01)
    assert server.window(demand=1000) == LEAST
    assert server.window(demand=1000) == INITIAL == server.concurrency.steady
    assert server.concurrency._ideal == 0.01


def test_while_held_nothing_is_ideal_and_the_limit_does_not_grow() -> None:
    server = Server(cores=64, seconds=0.01)
    server.window(demand=1000)
    server.window(demand=1000)
    server.concurrency.hold(is_held=True)
    assert [server.window(demand=1000) for _ in range(20)] == [INITIAL] * 20
    server.concurrency.hold(is_held=False)
    assert server.settle() > 2 * INITIAL
    server.concurrency.hold(is_held=True)
    server.cores = 4
    assert server.settle() == LEAST, "for want of processors it shrinks"
    assert server.concurrency._ideal == 0.01


def test_before_anything_is_measured_nothing_shrinks_while_others_are_late() -> None:
    server = Server(cores=64, seconds=0.01)
    server.concurrency.hold(is_held=True)
    assert [server.window(demand=1000) for _ in range(5)] == [INITIAL] * 5


def test_what_is_held_while_it_measures_goes_on_as_before() -> None:
    server = Server(cores=64, seconds=0.01)
    assert server.window(demand=1000) == LEAST
    server.concurrency.hold(is_held=True)
    assert server.concurrency.limit == INITIAL
    server.concurrency.hold(is_held=False)
    assert server.window(demand=1000) == LEAST


def test_heavier_requests_are_not_taken_for_a_queue_for_long() -> None:
    server = Server(cores=32, seconds=0.002)
    server.settle()
    server.seconds = 0.2
    assert server.settle() >= 32


def test_the_limit_is_never_beyond_its_bounds() -> None:
    server = Server(cores=10_000, seconds=0.01, most=50)
    server.settle()
    server.cores = 1
    server.settle()
    assert max(server.limits) == 50
    assert min(server.limits) == LEAST
    assert Concurrency(3).limit == 3


def test_the_rate_is_what_ends_in_a_second_under_pressure() -> None:
    server = Server(cores=16, seconds=0.01)
    assert server.concurrency.rate == 0.0
    server.settle()
    assert 1500 < server.concurrency.rate < 1601
