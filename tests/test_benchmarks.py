"""The benchmarks: every table can be made, and holds what it says."""

import re
import sys

import numpy as np
import pytest
import torch

from benchmarks import gru_speed, min_gru_speed, runs
from gru_lib import timing
from gru_lib.min_gru import SCANS


@pytest.fixture
def clock(monkeypatch):
    """Replace the clock by one that only functions of the test move."""
    now = [0.0]
    monkeypatch.setattr(timing.time, "perf_counter", lambda: now[0])
    return now


def test_the_functions_compared_compute_the_same():
    forward, both = gru_speed.gru_runs((5, 2, 3, 4), threads=1)
    outputs = {name: forward[name]()[0] for name in forward if "LSTM" not in name}
    base = outputs[gru_speed.BASE].numpy()
    for name in ("torch from scratch", "NumPy", "onnxruntime"):
        assert outputs[name] == pytest.approx(base, abs=1e-6), name
    assert outputs["torch.nn.RNN"].numpy() != pytest.approx(base, abs=1e-2)
    assert set(both) == set(forward) - {"onnxruntime"}
    for run in both.values():
        run()


def test_the_products_are_counted_as_they_stand_in_the_equations():
    # three gates, each (4 x 3) x and (4 x 4) h for two sequences, five steps; two operations each
    assert gru_speed.product_operations((5, 2, 3, 4)) == 5 * 2 * 3 * (4 * 3 + 4 * 4) * 2
    assert gru_speed.sgemm_rate(size=64, rounds=2) > 0


def test_the_table_has_a_row_a_shape_and_a_summary(capsys):
    shapes = [(3, 1, 2, 4), (2, 2, 2, 4)]
    gru_speed.print_gru_table(1, shapes, seconds=0.01)
    lines = capsys.readouterr().out.splitlines()
    for start in ("3, 1, 2, 4", "2, 2, 2, 4"):
        rows = [line for line in lines if line.startswith(start)]
        assert len(rows) == 2  # forward; forward and backward
        assert all(re.fullmatch(r"[\d, ]+( +\d+\.\d\d)+", row) for row in rows)
    assert sum(line.startswith("worst") for line in lines) == 2
    assert sum(line.startswith("geometric mean") for line in lines) == 2


def test_a_summary_is_taken_over_the_rows():
    assert gru_speed.geometric_mean([0.5, 2.0, 8.0]) == pytest.approx(2.0)


def test_the_stream_table_compares_one_step(capsys):
    gru_speed.print_stream_table([(2, 4)], seconds=0.01)
    title, header, row = capsys.readouterr().out.strip().splitlines()
    assert "torch.nn.GRUCell" in title
    assert header.split()[-1] == "no_grad"
    assert re.fullmatch(r"2, 4( +\d+\.\d\d){4}", row)


def test_the_gradient_by_the_input_is_taken_where_it_is_asked_for():
    x = np.ones((3, 2, 4), np.float32)
    for by_input in (True, False):
        gru = torch.nn.GRU(4, 4)
        seen = []
        gru.register_forward_hook(lambda _, inputs, __, seen=seen: seen.append(inputs[0]))
        gru_speed.torch_both(gru, x, x, by_input)()
        assert (seen[0].grad is not None) is by_input
        assert all(parameter.grad.abs().sum() > 0 for parameter in gru.parameters())


def test_the_tables_of_min_gru_have_a_row_a_shape_and_a_row_a_scan(capsys):
    min_gru_speed.print_speed_table([(3, 2), (4, 1)], seconds=0.01)
    rows = capsys.readouterr().out.splitlines()[-2:]
    assert [row.split("  ")[0] for row in rows] == ["3, 2", "4, 1"]
    assert all(re.fullmatch(r"\d, \d +\d+\.\d( +\d+\.\d\d){4}", row) for row in rows)


def test_growth_is_in_the_time_of_a_step(clock, monkeypatch, capsys):
    def quadratic(name, steps, batch):
        def run():
            clock[0] += 0.001 * steps**2

        return run

    monkeypatch.setattr(min_gru_speed, "both_run", quadratic)
    min_gru_speed.print_growth_table([10, 20, 50], rounds=1)
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[-5:]]
    expected = ["10000.0", "1.00", "2.00", "5.00"]  # microseconds a step at 10 steps, then ratios
    assert rows == [[name, *expected] for name in ("torch.nn.GRU", *SCANS)]


def test_what_a_scan_keeps_grows_with_the_length_only_where_it_doubles():
    kept = {
        name: [min_gru_speed.kept_numbers(name, steps, batch=2) for steps in (256, 512)]
        for name in min_gru_speed.NAMES
    }
    short, long = kept.pop("doubling")
    assert long - short == pytest.approx(2, abs=0.1)  # one round more, two arrays each
    for name, (short, long) in kept.items():
        assert short == pytest.approx(long, rel=0.02), name


def test_the_memory_table_says_how_much_is_kept(capsys):
    min_gru_speed.print_memory_table([256])
    rows = dict(line.split() for line in capsys.readouterr().out.splitlines()[-5:])
    assert rows == {
        name: f"{min_gru_speed.kept_numbers(name, 256, 8):.1f}" for name in min_gru_speed.NAMES
    }


def one_thread(number):
    """What a run gives; at the top of a module, so that another process finds it."""
    return {"number": number, "threads": torch.get_num_threads()}


def test_runs_come_back_in_order_with_one_thread_each():
    settings = ((number,) for number in (3, 1, 2))
    assert runs.run_all(one_thread, settings, workers=2) == [
        {"number": number, "threads": 1} for number in (3, 1, 2)
    ]


def test_a_run_that_fails_is_not_lost():
    with pytest.raises(ZeroDivisionError):
        runs.run_all(divmod, [(1, 1), (1, 0)], workers=1)


def test_how_many_workers(monkeypatch, capsys):
    for arguments, workers in (([], 1), (["--workers", "3"], 3)):
        monkeypatch.setattr(sys, "argv", ["x", *arguments])
        assert runs.workers_from_arguments("what it does") == workers
    monkeypatch.setattr(sys, "argv", ["x", "--workers", "0"])
    with pytest.raises(SystemExit):
        runs.workers_from_arguments("what it does")
    assert "--workers is 0; expected at least 1" in capsys.readouterr().err
