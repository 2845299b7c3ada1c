import msgspec

from academy import Academy
from harka.worker.allowance import allowance


def test_limits_are_those_of_the_plan(academy: Academy) -> None:
    small, large = (
        allowance(msgspec.structs.replace(academy.organization, plan=plan), {"test": 3}, long=("test",))
        for plan in ("STARTER", "ENTERPRISE")
    )
    assert small.types == {"test": 3}
    assert small.long == ("test",)
    assert small.running < large.running
    assert small.per_second < large.per_second
