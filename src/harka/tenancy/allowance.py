"""What one organization may still take in this process: leases of its pools, renewed before they run out."""

import asyncio
import contextlib
import math
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from harka import clock, logs
from harka.cache.pool_ledger import Ask, Ledger, Told, unlimited
from harka.errors import HarkaError, UnavailableError
from harka.fastpath import Lease
from harka.repositories.organization import Organization
from harka.tenancy.entitlement import is_shadow, limits_for
from harka.tenancy.local_pools import LocalPools, trusted
from harka.tenancy.month import next_month, window_of
from harka.tenancy.month_count import MonthCounts
from harka.tenancy.needs import Needs, total, usable
from harka.tenancy.plan import PlanLimits, Resource
from harka.tenancy.pools import BANDWIDTH, MONTHLY, RUNNING, TOLLS, Pool, pools_of

log = logs.logger("quota")

Limits = Callable[[Organization], PlanLimits]
Seed = Callable[[Organization, Resource], Awaitable[float]]
"""How much of a month's was used, as far as is written down. May raise `HarkaError`, or never answer."""

IDLE: Final = 3.0
"""Seconds without a request until what is left goes back."""
_USABLE: Final = 0.8
"""Of a lease, before it is renewed for certain."""
_OUTAGE: Final = 0.5
"""Seconds that a process grants itself at a time while the ledger is away."""
_IDLE_OUTAGE: Final = 12.5
"""The same of who asks for nothing: only to look whether it is back, and can be told."""
_LOCAL: Final = 3600.0
_SHUT: Final = 0.01
"""Seconds until it is asked again whether somebody gave something back."""
_MONTH_AGAIN: Final = 1.0
_AHEAD: Final = 0.2
"""Seconds for which there is to be enough, at the pace of the last drawing."""
_SHORTEST: Final = 0.001
_SLACK: Final = 1e-6
_LONGEST: Final = 366 * 86_400.0
"""Seconds that anybody is told to wait: of a rate near 0 the moment would be beyond any calendar."""
_SEED_PATIENCE: Final = 0.5
_SEED_AGAIN: Final = 5.0
"""Seconds until it is asked again what was used of a month, where nobody could say."""
_RECALL: Final = 0.05
"""Seconds for which whoever waits for what lies idle in other processes looks whether it came back."""
_RECALL_AGAIN: Final = 1.0
_GIVING_BACK: Final = 0.005
_SCARCE: Final = 1.0
"""Seconds for which nothing that is held is kept idle, once somebody lacked it."""


class Allowance:
    """`running`: the operations under way; each gives back `pools.ONE`. `last_use`: monotonic seconds.

    `free`: what was left of each pool when it was last drawn from. `reserved`: bytes of downloads that are
    under way.
    """

    __slots__ = (
        "_counts",
        "_drawn_at",
        "_held",
        "_limits_of",
        "_local",
        "_looked",
        "_needs",
        "_peaks",
        "_recalls",
        "_round",
        "_scarce_until",
        "_seed_again",
        "_shut",
        "_task",
        "_turn",
        "_was_short",
        "door",
        "door_places",
        "free",
        "last_use",
        "leases",
        "limits",
        "organization",
        "pools",
        "renew_at",
        "reserved",
        "running",
        "shadow",
    )

    def __init__(self, organization: Organization, limits: Limits = limits_for) -> None:
        self.pools: tuple[Pool | None, ...] = pools_of(limits(organization))
        count = len(self.pools)
        self._limits_of = limits
        self.leases = tuple(Lease(TOLLS.get(place, 0.0)) for place in range(count))
        self.free = [0.0 if pool is None else pool.capacity for pool in self.pools]
        self.reserved = 0.0
        self.running = self.leases[RUNNING]
        self.last_use = self.renew_at = 0.0
        self._drawn_at = self._scarce_until = self._seed_again = 0.0
        # when the month ends, in monotonic seconds: what was drawn of it is given out until then
        self._turn = math.inf
        # of which pools others were asked to give back what lies idle with them, and when
        self._recalls: dict[int, float] | None = None
        # what is idle anywhere, while somebody looks
        self._looked: dict[int, float] | None = None
        # what was drawn for one who has not woken yet, the next drawing must not give back as idle
        self._needs = Needs()
        self._shut = [0.0] * count
        self._was_short = [False] * count
        self._peaks = [0.0] * count
        # of what is only held: how much was drawn, in use or not
        self._held = [0.0] * count
        self._local: LocalPools | None = None
        self._counts = MonthCounts()
        self._round: asyncio.Future[None] | None = None
        self._task: asyncio.Task[None] | None = None
        self.change(organization)

    def change(self, organization: Organization) -> None:
        """What holds from now on; what was taken stays taken."""
        before = self.pools
        self.organization = organization
        self.limits = self._limits_of(organization)
        self.shadow = is_shadow(organization)
        self.pools = pools_of(self.limits)
        self.door_places = tuple(place for place in TOLLS if self.pools[place] is not None)
        self.door = tuple(self.leases[place] for place in self.door_places)
        if self.pools != before:
            self._shut = [0.0] * len(self.pools)
            self._counts.keep({pool.resource for pool in self.pools if pool is not None})
            # what was drawn under other limits is not given out any more
            for pool, lease in zip(self.pools, self.leases, strict=True):
                lease.grant(0.0, -math.inf, 0.0)
                if pool is None:
                    # nobody draws it any more, so that it would never go back
                    lease.drain(0.0)

    @property
    def is_idle(self) -> bool:
        """Nothing is drawn, in use or not, and nothing is being drawn."""
        if self._task is not None or self.reserved:
            return False
        return not any(self._held) and not any(each.tokens for each in self.leases)

    @property
    def owes(self) -> bool:
        """Of who is idle: whether the ledger is to be told of something yet."""
        return self.owes_month or (self._local is not None and any(self._local.spent.values()))

    @property
    def owes_month(self) -> bool:
        """The same of what does not flow back by itself."""
        return self._counts.is_owing

    @property
    def is_renewing(self) -> bool:
        return self._task is not None

    def in_use(self, place: int) -> float:
        """Of what is only held, by this process."""
        return self._held[place] - self.leases[place].tokens

    def shut(self, place: int, amount: float, now: float) -> bool:
        """There was less left just now, so that nobody need ask."""
        return now < self._shut[place] and amount > self.available(place, now)

    def available(self, place: int, now: float) -> float:
        """About how much there is, in the ledger as far as is known and in this process."""
        pool = self.pools[place]
        if pool is None:
            return 0.0
        return min(
            self.free[place] + (now - self._drawn_at) * pool.rate + self.leases[place].tokens,
            pool.capacity,
        )

    def wants_renewal(self, now: float) -> bool:
        """It is time, or far more was given back than is needed."""
        if now >= self.renew_at:
            return True
        is_idle, is_scarce = now - self.last_use > IDLE, now < self._scarce_until
        return any(
            pool is not None
            and lease.tokens > (0.0 if is_idle or (is_scarce and pool.is_held) else 2.0 * pool.most)
            for pool, lease in zip(self.pools, self.leases, strict=True)
        )

    def resets_at(self, place: int, taken: float) -> datetime | None:
        """When all of a pool is there again of which so much is taken, if nobody takes any more."""
        pool = self.pools[place]
        if pool is None or pool.is_held:
            return None
        if pool.monthly:
            return next_month(clock.now(), self.organization.timezone)
        return clock.now() + timedelta(seconds=min(max(taken, 0.0) / pool.rate, _LONGEST))

    def wait_for(self, place: int, amount: float, now: float) -> float:
        """Seconds until so much may be there."""
        pool = self.pools[place]
        if pool is None:
            return 0.0
        if pool.monthly:
            return (next_month(clock.now(), self.organization.timezone) - clock.now()).total_seconds()
        if pool.is_held:
            return 1.0
        return min(max(amount - self.available(place, now), _SLACK) / pool.rate, _LONGEST)

    def was_short(self, place: int, amount: float) -> bool:
        """The last drawing left less: what was drawn for one another may have taken before."""
        return self._was_short[place] and amount > self.free[place] + self.leases[place].tokens

    def begins_recall(self, place: int, now: float) -> bool:
        """Whether others are to be asked now for what lies idle with them."""
        recalls = self._recalls or {}
        if not self._others_hold(place) or place in recalls:
            return False
        self._recalls = recalls | {place: now}
        return True

    def is_recalling(self, place: int, now: float) -> bool:
        """What others were asked for may still come back."""
        return self._recalls is not None and now < self._recalls.get(place, -math.inf) + _RECALL

    def _others_hold(self, place: int) -> bool:
        """Other processes hold some of a pool: whether it is in use the ledger was told some time ago."""
        pool = self.pools[place]
        if pool is None or not pool.is_held or self._local is not None:
            return False
        return pool.capacity - self.free[place] - self._held[place] > _SLACK

    def give_back(self, ledger: Ledger | None, seed: Seed) -> None:
        """Somebody lacks what is held idle here."""
        self._scarce_until = clock.monotonic() + _SCARCE
        if self._task is not None and self._round is None:
            # what is drawn at the moment was asked for before
            self._round = asyncio.get_running_loop().create_future()
        self.renew(ledger, seed)

    async def taken(self, ledger: Ledger | None, seed: Seed) -> dict[int, float]:
        """Of all pools but the months', by all processes, as far as they have told."""
        looked = self._looked = {} if self._looked is None else self._looked
        await self._next(ledger, seed)
        now = clock.monotonic()
        return {
            place: max(pool.capacity - self.available(place, now) - looked.get(place, 0.0), 0.0)
            for place, pool in enumerate(self.pools)
            if pool is not None and not pool.monthly
        }

    async def draw(self, place: int, amount: float, ledger: Ledger | None, seed: Seed) -> None:
        """Wait for the next drawing, in which `amount` is asked for."""
        with self._needs.waiting({place: amount}):
            await self._next(ledger, seed)

    async def draw_tolls(self, ledger: Ledger | None, seed: Seed) -> None:
        """Wait for the next drawing, in which the toll of a request is asked for."""
        with self._needs.waiting({place: TOLLS[place] for place in self.door_places}):
            await self._next(ledger, seed)

    def renew(self, ledger: Ledger | None, seed: Seed) -> None:
        """Draw and give back, in the background."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._renew(ledger, seed))

    async def tell(self, ledger: Ledger, seed: Seed) -> bool:
        """Whether the ledger knows everything now."""
        with contextlib.suppress(UnavailableError):
            await self._next(ledger, seed)
        return not self.owes

    async def _next(self, ledger: Ledger | None, seed: Seed) -> None:
        if self._round is None:
            self._round = asyncio.get_running_loop().create_future()
        waiting = self._round
        self.renew(ledger, seed)
        # shared: who leaves early must not take the others along
        await asyncio.shield(waiting)

    async def _renew(self, ledger: Ledger | None, seed: Seed) -> None:
        try:
            while True:
                if self._recalls is not None:
                    await self._given_back()
                waiting, self._round = self._round, None
                try:
                    await self._draw(ledger, seed)
                except Exception:
                    # of what goes wrong here nobody knows better, and they would ask again and again
                    if waiting is not None:
                        waiting.set_exception(UnavailableError())
                        # looked at here: there may be nobody any more who waits
                        waiting.exception()
                    log.exception("quota not drawn", tenant=self.organization.id)
                finally:
                    if waiting is not None and not waiting.done():
                        waiting.set_result(None)
                if self._round is None:
                    return
        finally:
            self._task = None

    async def _given_back(self) -> None:
        """Where others were asked just now, a moment later; who gave nothing is not asked again so soon."""
        now = clock.monotonic()
        recalls = {place: at for place, at in (self._recalls or {}).items() if now < at + _RECALL_AGAIN}
        self._recalls = recalls or None
        if any(now < at + _RECALL for at in recalls.values()):
            await asyncio.sleep(_GIVING_BACK)

    async def _draw(self, ledger: Ledger | None, seed: Seed) -> None:
        now, month = clock.monotonic(), ""
        asks: dict[int, Ask] = {}
        for place, pool in enumerate(self.pools):
            if pool is None:
                continue
            if pool.monthly and not month:
                month, left = window_of(clock.now(), self.organization.timezone)
                self._turn = now + left
            ask = self._ask(place, pool, now, month if pool.monthly else "")
            if ask is not None:
                asks[place] = ask
        looked, self._looked = self._looked, None
        if asks:
            limitless = (at for at in MONTHLY if self.pools[at] is None and now >= self._shut[at])
            asks |= {place: unlimited(MONTHLY[place]) for place in limitless}
            await self._settle(asks, ledger, seed, now, looked)

    async def _settle(
        self,
        asks: dict[int, Ask],
        ledger: Ledger | None,
        seed: Seed,
        now: float,
        looked: dict[int, float] | None,
    ) -> None:
        """Ask, and once more for the months that nobody knew yet."""
        more = False
        while asks:
            told, until = await self._told(list(asks.values()), ledger, now, more=more)
            more = True
            self._drawn_at, self.renew_at = now, now + _USABLE / 2.0 * (until - now)
            unknown: dict[int, Ask] = {}
            for (place, ask), each in zip(asks.items(), told, strict=True):
                if looked is not None:
                    looked[place] = each.elsewhere
                if not each.unknown:
                    self._grant(place, ask, each, now, until)
                elif not (ask.need or ask.want or ask.idle or ask.reserved):
                    # nobody asks for any: what was used whoever does will know
                    continue
                elif (used := await self._used(ask, seed)) is not None:
                    # what goes back was said already
                    unknown[place] = msgspec.structs.replace(ask, seed=max(used, 0.0), back=0.0)
                else:
                    self._grant(place, ask, trusted(ask), now, now + _OUTAGE)
            asks = unknown

    async def _used(self, ask: Ask, seed: Seed) -> float | None:
        """Of the month, in all; None where nobody can say, for which nobody waits again for a while."""
        if clock.monotonic() < self._seed_again:
            return None
        try:
            async with asyncio.timeout(_SEED_PATIENCE):
                return await seed(self.organization, Resource(ask.pool))
        except (HarkaError, TimeoutError) as error:
            self._seed_again = clock.monotonic() + _SEED_AGAIN
            log.warning("month not known", tenant=self.organization.id, error=type(error).__name__)
            return None

    async def _told(
        self, asks: Sequence[Ask], ledger: Ledger | None, now: float, *, more: bool
    ) -> tuple[Sequence[Told], float]:
        """What the ledger says, or what this process says in its place, and until when that holds."""
        if ledger is None:
            self._local = self._local or LocalPools({}, now)
            granted = self._local.draw(asks, now, 1.0)
            self._local.spent.clear()
            return granted, now + _LOCAL
        self._counts.ask(asks)
        try:
            told = await ledger.draw(self.organization.id, [self._with_debt(ask) for ask in asks], more=more)
        except UnavailableError:
            if self._local is None:
                self._local = LocalPools(self._levels(ledger.share), self._drawn_at)
            lasts = _OUTAGE if now - self.last_use <= IDLE else _IDLE_OUTAGE
            return self._local.draw(asks, now, ledger.share), now + lasts
        self._counts.answer(asks)
        if self._local is not None:
            for ask in asks:
                self._local.spent.pop(ask.pool, None)
            self._local = self._local if self._local.spent else None
        return told, now + _USABLE * ledger.lease

    def _ask(self, place: int, pool: Pool, now: float, window: str) -> Ask | None:
        """None where there is nothing to say."""
        lease, sizes = self.leases[place], self._needs.of(place)
        need, demand, stock, held = total(sizes), lease.demand(), lease.tokens, self._held[place]
        wanted = max(demand, held - stock) if pool.is_held else (demand + need) * self._ahead(now)
        target = min(self._remembered(place, wanted, now), pool.most)
        if pool.is_held:
            # a part of one is of use to nobody
            target = 0.0 if now < self._scarce_until else float(math.ceil(target))
        reserved = self.reserved if place == BANDWIDTH else 0.0
        count = self._counts.at(pool.resource, window, stock + reserved, now) if window else None
        # what was not renewed in time has gone back by itself, or does so now
        is_lost = now >= lease.until and not pool.is_held
        # what is too little for any who wait here may be enough for others elsewhere
        back = lease.drain(0.0 if is_lost else usable(sizes, max(stock, 0.0) + _SLACK) + target)
        if pool.is_held:
            held = self._held[place] = held - back
        left, used = max(lease.tokens, 0.0), 0.0
        is_untold = self._local is not None and pool.resource in self._local.spent
        if count is not None:
            count.drawn -= back
            used = count.used(left + reserved)
            is_untold = count.told != used
        short = max(need - lease.tokens, 0.0)
        want = max(target - max(lease.tokens - need, 0.0), 0.0)
        is_looked_at = self._looked is not None and not pool.monthly
        if not (short or back or held or left or want or reserved or is_untold or is_looked_at):
            return None
        return Ask(
            pool=pool.resource,
            rate=pool.rate,
            capacity=pool.capacity,
            window=window,
            held=held if pool.is_held else left,
            idle=left,
            back=back,
            debt=0.0,
            need=short,
            want=want,
            most=pool.most,
            seed=-1.0 if window else 0.0,
            reserved=reserved,
            used=used,
            since=0.0 if count is None else count.since,
            sizes=sizes,
        )

    def _grant(self, place: int, ask: Ask, told: Told, now: float, until: float) -> None:
        pool = self.pools[place]
        self.free[place], self._was_short[place] = told.free, False
        if pool is None:
            self._shut[place] = 0.0 if ask.window else now + _MONTH_AGAIN  # it is not told so again before
            return
        if pool.is_held:
            self._held[place] += told.granted
        if pool.monthly:
            self._counts.grant(ask.pool, told.granted)
            until = min(until, self._turn)
        lease = self.leases[place]
        low = 0.0 if pool.is_held else max(lease.tokens + told.granted - ask.need, 0.0) / 2.0
        lease.grant(told.granted, until, low)
        # of limits that have changed meanwhile that says nothing
        is_as_asked = (ask.capacity, ask.rate) == (pool.capacity, pool.rate)
        self._was_short[place] = is_as_asked and told.granted < ask.need - _SLACK
        if not self._was_short[place]:
            if self._recalls is not None and ask.sizes:
                # whoever waited has it: others may be asked again
                self._recalls.pop(place, None)
            return
        if pool.is_held:
            self._scarce_until = now + _SCARCE
        may_come_back = self._others_hold(place) and place not in (self._recalls or {})
        if not may_come_back and not self.is_recalling(place, now):
            self._shut[place] = now + (_MONTH_AGAIN if pool.monthly else _SHUT)

    def _remembered(self, place: int, wanted: float, now: float) -> float:
        """What is wanted, or was a moment ago: half of it counts a second later, nothing of who is idle."""
        if now - self.last_use > IDLE:
            self._peaks[place] = 0.0
        else:
            faded = self._peaks[place] * 0.5 ** (now - self._drawn_at)
            self._peaks[place] = max(wanted, faded)
        return self._peaks[place]

    def _ahead(self, now: float) -> float:
        """For how many times what was taken since the last drawing there is to be enough."""
        return max(_AHEAD / max(now - self._drawn_at, _SHORTEST), 2.0)

    def _with_debt(self, ask: Ask) -> Ask:
        debt = 0.0 if self._local is None else self._local.spent.get(ask.pool, 0.0)
        return msgspec.structs.replace(ask, debt=debt) if debt else ask

    def _levels(self, share: float) -> dict[str, float]:
        """What was taken of this process's share of each pool, as far as is known."""
        return {
            pool.resource: (pool.capacity - free) * share
            for pool, free in zip(self.pools, self.free, strict=True)
            if pool is not None and not pool.is_held and self._drawn_at
        }
