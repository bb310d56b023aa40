"""That times are taken fairly."""

import pytest

from gru_lib import timing


@pytest.fixture
def clock(monkeypatch):
    """Replace the clock by one that only functions of the test move."""
    now = [0.0]
    monkeypatch.setattr(timing.time, "perf_counter", lambda: now[0])
    return now


def test_functions_take_turns_and_the_warm_up_is_not_counted(clock):
    calls = []

    def take(name, first, later):
        clock[0] += first if name not in calls else later
        calls.append(name)

    functions = {"slow": lambda: take("slow", 9.0, 2.0), "fast": lambda: take("fast", 9.0, 0.5)}
    times = timing.interleave(functions, rounds=3, warm_up=1)
    assert calls[-6:] == ["slow", "fast"] * 3
    assert times == {"slow": [2.0] * 3, "fast": [0.5] * 3}
    assert timing.ratio(times, "fast", "slow") == 0.25


def test_a_turn_of_a_short_call_lasts_thirty_milliseconds(clock):
    calls = []

    def short():
        calls.append(clock[0])
        clock[0] += 0.008

    times = timing.interleave({"short": short}, rounds=4, warm_up=0)
    assert len(calls) == 1 + 4 * 4  # one to see how long a call takes
    assert times["short"] == pytest.approx([0.008] * 4)  # of one call, not of the turn


@pytest.mark.parametrize(("each", "rounds"), [(0.1, 20), (10.0, 5), (1e-6, 67)])
def test_rounds_fill_the_seconds_and_are_at_least_five(clock, each, rounds):
    def function():
        clock[0] += each

    assert len(timing.interleave({"f": function}, seconds=2.0)["f"]) == rounds


def test_a_ratio_is_the_median_over_rounds_of_the_ratio_in_a_round():
    # in the second round a neighbour slowed both, in the third only one of them
    times = {"mine": [1.0, 10.0, 9.0], "other": [2.0, 20.0, 2.0]}
    assert timing.ratio(times, "mine", "other") == 0.5


def test_what_cannot_be_timed_is_refused():
    with pytest.raises(ValueError, match="functions is empty; expected at least one"):
        timing.interleave({})
    with pytest.raises(ValueError, match="rounds is 0; expected at least 1"):
        timing.interleave({"f": list}, rounds=0)
    with pytest.raises(KeyError, match="other"):
        timing.ratio({"mine": [1.0]}, "mine", "other")


def test_the_collector_is_on_again_even_after_an_error():
    calls = []

    def fails_later():
        calls.append(timing.gc.isenabled())
        if not calls[-1]:
            raise RuntimeError("in a round")

    with pytest.raises(RuntimeError, match="in a round"):
        timing.interleave({"f": fails_later}, rounds=1)
    assert calls[0] and not calls[-1]
    assert timing.gc.isenabled()
