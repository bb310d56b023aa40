"""The slanted triangle against the paper's formula, worked out by hand, and at its edges."""

from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gru_lib.finetuning import slanted_triangle, slanted_triangular

#: Howard and Ruder (2018), equation 3, for T = 20, cut_frac = 0.1, ratio = 10: cut = 2; up from
#: 1/10 to 1 in two steps, down in 18; each step down is (1 - 1/10) / 18 = 1/20.
BY_HAND = {
    step: Fraction(n, 20)
    for step, n in {0: 2, 1: 11, 2: 20, 3: 19, 5: 17, 11: 11, 19: 3, 20: 2}.items()
}


def test_the_table_by_hand():
    found = {step: slanted_triangle(step, 20, 0.1, 10) for step in BY_HAND}
    assert found == pytest.approx({step: float(share) for step, share in BY_HAND.items()})


def test_the_default_ratio_is_that_of_the_paper():
    assert slanted_triangle(0, 100) == 1 / 32
    assert slanted_triangle(10, 100) == 1.0


@given(
    steps=st.integers(1, 500),
    cut_fraction=st.floats(0.01, 0.99),
    ratio=st.floats(1.0, 100.0),
)
@settings(max_examples=100, deadline=None)
def test_it_rises_to_one_falls_and_stays_between_its_ends(steps, cut_fraction, ratio):
    shares = [slanted_triangle(step, steps, cut_fraction, ratio) for step in range(steps + 1)]
    top = shares.index(max(shares))
    assert all(1 / ratio - 1e-12 <= share <= 1 + 1e-12 for share in shares)
    assert shares[:top] == sorted(shares[:top])
    assert shares[top:] == sorted(shares[top:], reverse=True)
    assert shares[max(1, int(steps * cut_fraction))] == pytest.approx(1.0)


def test_a_run_too_short_for_a_rise_and_a_cut_between_steps_stay_in_range():
    # floor(5 * 0.1) is 0, which the formula would divide by
    shares = [slanted_triangle(step, 5) for step in range(6)]
    assert shares[:2] == [1 / 32, 1.0]
    assert min(shares) == 1 / 32
    # cut = floor(1.5) = 1: the formula reaches the end at step 10 of 15 and would go below it
    assert slanted_triangle(14, 15) == 1 / 32


def test_the_scheduler_moves_every_group_along_the_triangle():
    groups = [{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": lr} for lr in (0.4, 0.1)]
    optimizer = torch.optim.SGD(groups)
    scheduler = slanted_triangular(optimizer, 20, ratio=10)
    rates = []
    for _ in range(20):
        rates.append([group["lr"] for group in optimizer.param_groups])
        optimizer.step()
        scheduler.step()
    for step, share in BY_HAND.items():
        if step < 20:
            assert rates[step] == pytest.approx([0.4 * float(share), 0.1 * float(share)])


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"cut_fraction": 0.0}, ValueError, "cut_fraction is 0.0; expected above 0 and below 1"),
        ({"cut_fraction": 1.0}, ValueError, "cut_fraction is 1.0; expected above 0 and below 1"),
        ({"cut_fraction": float("nan")}, ValueError, "cut_fraction is nan"),
        ({"ratio": 0.5}, ValueError, "ratio is 0.5; expected at least 1"),
        ({"steps": 0}, ValueError, "steps is 0"),
        ({"steps": 2.5}, TypeError, "steps is 2.5"),
    ],
)
def test_what_is_not_allowed_is_said_at_once(arguments, error, message):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    with pytest.raises(error, match=message):
        slanted_triangular(optimizer, **({"steps": 10} | arguments))
