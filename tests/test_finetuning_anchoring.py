"""Replay, a pull towards the start and mixes of weights: what they are, and what they refuse."""

from collections import Counter

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from gru_lib import torch_gru
from gru_lib.finetuning import ReplayWindows, mix_weights, pull_towards, replay_windows
from gru_lib.models import LanguageClassifier, LanguageModel, TextWindows, next_code_loss
from gru_lib.training import fit

KINDS = pytest.mark.parametrize("kind", [nn.GRU, torch_gru.GRU])
NEW, OLD = 1, 0


def weights_of(model):
    return {name: p.detach().clone() for name, p in model.named_parameters()}


def moved(model, by=0.1):
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for p in model.parameters():
            p.add_(by * torch.randn(p.shape, generator=generator))
    return model


def windows(code, length, window=4, batch_size=8):
    return TextWindows(torch.full((length,), code), window, batch_size)


# --- the pull ---------------------------------------------------------------------------------


@KINDS
def test_the_gradient_of_the_pull_is_strength_times_the_difference(kind):
    torch.manual_seed(0)
    gru = kind(3, 4, num_layers=2)
    start = weights_of(gru)
    pull_towards(moved(gru), start, 0.3).backward()
    for name, p in gru.named_parameters():
        torch.testing.assert_close(p.grad, 0.3 * (p.detach() - start[name]))


@KINDS
def test_the_pull_is_half_the_squared_distance(kind):
    gru = kind(3, 4)
    start = weights_of(gru)
    assert pull_towards(gru, start, 5.0).item() == 0
    distance = sum(
        float((p.detach() - start[n]).double().square().sum())
        for n, p in moved(gru).named_parameters()
    )
    assert pull_towards(gru, start, 5.0).item() == pytest.approx(2.5 * distance, rel=1e-5)
    assert pull_towards(gru, start, 0).item() == 0


def test_towards_zeros_it_is_weight_decay():
    layer = nn.Linear(3, 2)
    zeros = {name: torch.zeros_like(p) for name, p in layer.named_parameters()}
    pull_towards(layer, zeros, 0.7).backward()
    torch.testing.assert_close(layer.weight.grad, 0.7 * layer.weight.detach())


def test_a_new_head_is_free():
    body = LanguageModel(5, 2, 3)
    start = weights_of(body)
    model = moved(LanguageClassifier(body, classes=4))
    pull_towards(model, start, 1.0, leave_out="head").backward()
    assert model.head.weight.grad is None
    assert model.recurrent.weight_hh_l0.grad.abs().sum() > 0


def test_a_strong_pull_keeps_the_weights_and_none_lets_them_go():
    distances = []
    for strength in (0.0, 10.0):
        torch.manual_seed(0)
        model = LanguageModel(3, 2, 4)
        start = weights_of(model)

        def loss(model, batch, start=start, strength=strength):
            nats, count = next_code_loss(model, batch)
            return nats + pull_towards(model, start, strength), count

        fit(model, loss, windows(NEW, 100), epochs=3, seed=0, progress=False)
        distances.append(2 * pull_towards(model, start, 1.0).item())
    assert distances[1] < distances[0] / 2


@pytest.mark.parametrize(
    ("strength", "error", "words"),
    [
        (-1e-9, ValueError, "strength is -1e-09; expected a finite number, at least 0"),
        (float("inf"), ValueError, "strength is inf"),
        (float("nan"), ValueError, "strength is nan"),
        ("1", TypeError, "strength is '1'; expected a number"),
        (True, TypeError, "strength is True"),
    ],
)
def test_a_strength_that_is_none_is_refused(strength, error, words):
    layer = nn.Linear(2, 1)
    with pytest.raises(error, match=words):
        pull_towards(layer, weights_of(layer), strength)


def test_weights_of_another_model_are_refused():
    layer = nn.Linear(2, 1)
    with pytest.raises(ValueError, match=r"weight of shape \(1, 3\); expected \(1, 2\)"):
        pull_towards(layer, weights_of(nn.Linear(3, 1)), 1.0)
    with pytest.raises(ValueError, match="lacks bias"):
        pull_towards(layer, weights_of(nn.Linear(2, 1, bias=False)), 1.0)
    with pytest.raises(ValueError, match="has weight_ih_l0"):
        pull_towards(layer, weights_of(layer) | weights_of(nn.GRU(1, 1)), 1.0)


# --- replay -----------------------------------------------------------------------------------


@settings(deadline=None, max_examples=40)
@given(share=st.floats(0, 1), length=st.integers(6, 200), batch_size=st.integers(1, 9))
def test_after_every_batch_the_share_is_kept_to_within_one_window(share, length, batch_size):
    mixed = ReplayWindows(windows(NEW, length, 4, batch_size), windows(OLD, 30, 4, 3), share)
    read = replayed = 0
    for batch in mixed:
        read += int((batch[:, 0] == NEW).sum())
        replayed += int((batch[:, 0] == OLD).sum())
        assert share * read - 1 < replayed <= share * read + 1e-6
    assert read == mixed.new.count


def test_every_new_window_is_read_once_and_a_window_is_of_one_text():
    new = TextWindows(torch.arange(101), 10, 4)
    mixed = ReplayWindows(new, TextWindows(torch.arange(500, 600), 10, 4), 0.5)
    rows = torch.cat(list(mixed))
    assert torch.equal(rows - rows[:, :1], torch.arange(11).expand(len(rows), 11))
    starts = Counter(int(s) for s in rows[:, 0] if s < 500)
    assert len(starts) == new.count and set(starts.values()) == {1}
    assert all(int(s) + 10 < 600 for s in rows[:, 0])


def test_the_seed_decides_what_is_replayed_and_batches_stay_as_many():
    mixed = replay_windows(windows(NEW, 200), TextWindows(torch.arange(300), 4, 8), 0.5)
    drawn = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        drawn.append(torch.cat(list(mixed)))
    assert torch.equal(drawn[0], drawn[1]) and not torch.equal(drawn[0], drawn[2])
    assert len(list(mixed)) == len(mixed) == len(windows(NEW, 200))


def test_without_a_share_it_is_the_new_text_alone():
    new = windows(NEW, 100)
    assert replay_windows(new, windows(OLD, 100), 0) is new
    torch.manual_seed(0)
    alone = list(new)
    torch.manual_seed(0)
    assert all(map(torch.equal, ReplayWindows(new, windows(OLD, 100), 0.0), alone))


@pytest.mark.parametrize("share", [-0.01, 1.01, float("nan")])
def test_a_share_outside_is_refused(share):
    state = nn.Linear(1, 1).state_dict()
    with pytest.raises(ValueError, match=f"share is {share}; expected"):
        replay_windows(windows(NEW, 50), windows(OLD, 50), share)
    with pytest.raises(ValueError, match=f"share is {share}; expected"):
        mix_weights(state, state, share)


def test_what_is_no_text_or_another_window_is_refused():
    with pytest.raises(TypeError, match="share is '5 %'"):
        replay_windows(windows(NEW, 50), windows(OLD, 50), "5 %")
    with pytest.raises(TypeError, match="old is of type list"):
        replay_windows(windows(NEW, 50), [], 0.5)
    with pytest.raises(ValueError, match="old has windows of 5 predictions; expected 4"):
        replay_windows(windows(NEW, 50), windows(OLD, 50, window=5), 0.5)
    with pytest.raises(ValueError, match=r"codes has shape \(0,\)"):
        windows(OLD, 0)


# --- mixes ------------------------------------------------------------------------------------


@KINDS
@given(share=st.floats(0, 1))
def test_a_mix_lies_on_the_line(kind, share):
    base, tuned = kind(2, 3).state_dict(), kind(2, 3).state_dict()
    for name, mixed in mix_weights(base, tuned, share).items():
        line = (1 - share) * base[name].double() + share * tuned[name].double()
        torch.testing.assert_close(mixed.double(), line, atol=1e-6, rtol=1e-6)


def test_the_ends_are_the_models_to_the_bit_and_nothing_is_shared():
    base, tuned = nn.GRU(2, 3).state_dict(), nn.GRU(2, 3).state_dict()
    kept = {name: weight.clone() for name, weight in base.items()}
    for share, end in ((0, base), (1, tuned)):
        mixed = mix_weights(base, tuned, share)
        assert all(torch.equal(mixed[name], end[name]) for name in end)
        for weight in mixed.values():
            weight.add_(1.0)
    assert all(torch.equal(base[name], kept[name]) for name in base)
    gru = nn.GRU(2, 3)
    gru.load_state_dict(mix_weights(base, tuned, 0.5))


def test_two_models_that_differ_are_not_mixed():
    with pytest.raises(ValueError, match=r"tuned has weight of shape \(1, 3\); expected \(1, 2\)"):
        mix_weights(nn.Linear(2, 1).state_dict(), nn.Linear(3, 1).state_dict(), 0.5)
    with pytest.raises(ValueError, match="tuned lacks bias"):
        mix_weights(nn.Linear(2, 1).state_dict(), nn.Linear(2, 1, bias=False).state_dict(), 0.5)
    with pytest.raises(ValueError, match="tuned has bias"):
        mix_weights(nn.Linear(2, 1, bias=False).state_dict(), nn.Linear(2, 1).state_dict(), 0.5)
