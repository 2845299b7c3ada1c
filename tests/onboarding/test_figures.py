from harka.onboarding.figures import Figures, total


def test_figures_of_several_tenants_add_up() -> None:
    one = Figures(tenants=1, users=5, learners=3, enrollments=4, results=7, marked=6, completions=2)
    other = Figures(tenants=1, users=50, learners=30, enrollments=40, results=70, marked=60, completions=20)
    assert total([one, other]) == Figures(
        tenants=2, users=55, learners=33, enrollments=44, results=77, marked=66, completions=22
    )


def test_nothing_adds_up_to_nothing() -> None:
    assert total([]) == Figures()
