"""Low-rank updates: what the network computes with, what is trained, and what is left behind."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import parametrize

from gru_lib import torch_gru
from gru_lib.finetuning import (
    LowRank,
    adapter_names,
    adapter_updates,
    add_lora,
    merge_lora,
    remove_lora,
    use_adapter,
)
from gru_lib.finetuning.lora import GATES
from gru_lib.models import LanguageModel
from gru_lib.training import choose_device

KINDS = pytest.mark.parametrize("kind", [nn.GRU, torch_gru.GRU])
INPUT, HIDDEN, LENGTH, BATCH = 3, 4, 6, 2


def a_gru(kind, **options):
    torch.manual_seed(0)
    return kind(INPUT, HIDDEN, num_layers=2, **options)


def an_input():
    return torch.randn(LENGTH, BATCH, INPUT, generator=torch.Generator().manual_seed(1))


def fill(model, name):
    """Give an adapter something to say: B is no longer zero."""
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for update in adapter_updates(model, name).values():
            update.B.copy_(torch.randn(update.B.shape, generator=generator))


def plain_twin(kind, gru, **options):
    """A GRU whose weights are written out: the oracle of what an adapter should do."""
    twin = a_gru(kind, **options).to(gru.weight_hh_l0)
    with torch.no_grad():
        for name, parameter in twin.named_parameters():
            parameter.copy_(getattr(gru, name))
    return twin


@KINDS
@pytest.mark.parametrize("bidirectional", [False, True])
def test_at_the_start_nothing_changes_to_the_bit(kind, bidirectional):
    gru, x = a_gru(kind, bidirectional=bidirectional), an_input()
    before = gru(x)[0]
    numbers = add_lora(gru, "a", rank=2)
    assert torch.equal(gru(x)[0], before)
    assert numbers == sum(p.numel() for p in gru.parameters() if p.requires_grad)
    assert {n.rpartition(".")[2] for n, p in gru.named_parameters() if p.requires_grad} == {
        "A",
        "B",
    }


@KINDS
@pytest.mark.parametrize("gates", [GATES, ("z",), ("n", "r")])
def test_output_and_gradient_see_the_adapter(kind, gates):
    gru, x = a_gru(kind).double(), an_input().double()
    before = gru(x)[0]
    add_lora(gru, "a", rank=2, alpha=3.0, gates=gates)
    fill(gru, "a")
    twin = plain_twin(nn.GRU, gru)
    output = gru(x)[0]
    assert not torch.allclose(output, before, atol=1e-3)
    torch.testing.assert_close(output, twin(x)[0], rtol=0, atol=1e-12)
    gradient = torch.randn(output.shape, dtype=x.dtype, generator=torch.Generator().manual_seed(3))
    output.backward(gradient)
    twin(x)[0].backward(gradient)
    for name, update in adapter_updates(gru, "a").items():
        # dL/dB = alpha/rank dL/dW A^T and dL/dA = alpha/rank B^T dL/dW, in the rows of the gates
        blocks = dict(zip(GATES, getattr(twin, name).grad.chunk(3), strict=True))
        d_weight = 3.0 / 2 * torch.cat([blocks[gate] for gate in update.gates])
        torch.testing.assert_close(update.B.grad, d_weight @ update.A.T, rtol=0, atol=1e-12)
        torch.testing.assert_close(update.A.grad, update.B.T @ d_weight, rtol=0, atol=1e-12)
        assert gru.parametrizations[name].original.grad is None


@KINDS
def test_the_adapter_is_seen_again_after_each_step_of_an_optimizer(kind):
    gru, x = a_gru(kind), an_input()
    add_lora(gru, "a", rank=1)
    optimizer = torch.optim.SGD([p for p in gru.parameters() if p.requires_grad], 0.5)
    seen = []
    for _ in range(3):
        loss = gru(x)[0].square().sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        seen.append(loss.item())
        torch.testing.assert_close(gru(x)[0], plain_twin(nn.GRU, gru)(x)[0], rtol=0, atol=1e-6)
    assert seen[0] > seen[1] > seen[2]


@KINDS
def test_on_a_gpu_as_on_the_cpu(kind):
    device = choose_device("auto")
    gru, x = a_gru(kind), an_input()
    add_lora(gru, "a", rank=2)
    fill(gru, "a")
    expected = gru(x)[0].detach()
    gru.to(device)
    output = gru(x.to(device))[0]
    torch.testing.assert_close(output.detach().cpu(), expected, rtol=0, atol=1e-4)
    output.sum().backward()
    assert all(update.B.grad.abs().sum() > 0 for update in adapter_updates(gru, "a").values())


@KINDS
def test_merged_it_computes_the_same_and_looks_like_the_base(kind):
    gru, x = a_gru(kind), an_input()
    names = {name for name, _ in gru.named_parameters()}
    add_lora(gru, "a", rank=2, gates=("r", "n"))
    fill(gru, "a")
    before = gru(x)[0]
    merge_lora(gru)
    torch.testing.assert_close(gru(x)[0], before, rtol=0, atol=1e-6)
    assert {name for name, _ in gru.named_parameters()} == names
    assert not parametrize.is_parametrized(gru)
    assert not any(parameter.requires_grad for parameter in gru.parameters())
    copy.deepcopy(gru)


@KINDS
def test_removed_it_leaves_the_base_to_the_bit(kind):
    gru, x = a_gru(kind), an_input()
    before, weights = gru(x)[0], {n: p.clone() for n, p in gru.state_dict().items()}
    add_lora(gru, "a", rank=2)
    fill(gru, "a")
    gru(x)
    remove_lora(gru)
    assert torch.equal(gru(x)[0], before)
    assert all(torch.equal(gru.state_dict()[name], value) for name, value in weights.items())
    with pytest.raises(ValueError, match="no adapter to remove"):
        remove_lora(gru)


def test_only_the_rows_of_the_gates_change():
    update = LowRank(rows=12, columns=5, rank=2, gates=("n", "r"))
    nn.init.ones_(update.B)
    weight = torch.zeros(12, 5)
    changed = update(weight).ne(0).any(dim=1)
    assert update.gates == ("r", "n")
    assert changed.tolist() == [True] * 4 + [False] * 4 + [True] * 4


@given(
    hidden=st.integers(1, 5),
    columns=st.integers(1, 7),
    gates=st.sets(st.sampled_from(GATES), min_size=1),
    data=st.data(),
)
@settings(max_examples=40, deadline=None)
def test_an_update_has_the_rank_it_was_given_and_no_more(hidden, columns, gates, data):
    most = min(hidden * len(gates), columns)
    rank = data.draw(st.integers(1, most))
    update = LowRank(3 * hidden, columns, rank, alpha=2 * rank, gates=sorted(gates))
    update.double()
    with torch.no_grad():
        update.B.normal_()
    assert torch.linalg.matrix_rank(update.update(), rtol=1e-9) <= rank
    torch.testing.assert_close(update.update(), 2 * update.B @ update.A)
    assert sum(p.numel() for p in update.parameters()) == rank * (hidden * len(gates) + columns)
    with pytest.raises(ValueError, match=rf"\({hidden * len(gates)}, {columns}\)"):
        LowRank(3 * hidden, columns, most + 1, gates=sorted(gates))


def test_of_several_adapters_one_is_used_and_trained():
    gru, x = a_gru(torch_gru.GRU), an_input()
    outputs = {None: gru(x)[0]}
    for name, options in (("a", {}), ("b", {"weights": ["weight_hh"], "layers": [1]})):
        add_lora(gru, name, rank=1, **options)
        fill(gru, name)
        outputs[name] = gru(x)[0]
    assert adapter_names(gru) == ["a", "b"]
    for name in ("a", None, "b"):
        use_adapter(gru, name)
        assert torch.equal(gru(x)[0], outputs[name])
        trained = [n for n, p in gru.named_parameters() if p.requires_grad]
        assert all(f".{name}." in n for n in trained) and bool(trained) == (name is not None)
    assert list(adapter_updates(gru, "b")) == ["weight_hh_l1"]
    use_adapter(gru, "a")
    merge_lora(gru)
    torch.testing.assert_close(gru(x)[0], outputs["a"], rtol=0, atol=1e-6)


def test_the_same_seed_gives_the_same_start():
    starts = []
    for seed in (0, 0, 1):
        gru = a_gru(nn.GRU)
        add_lora(gru, "a", rank=1, seed=seed)
        starts.append(adapter_updates(gru, "a")["weight_hh_l0"].A)
    assert torch.equal(starts[0], starts[1]) and not torch.equal(starts[0], starts[2])


def test_in_a_language_model_everything_else_is_frozen():
    model = LanguageModel(10, 4, 8, num_layers=2)
    add_lora(model, "a", rank=2)
    assert {name.split(".")[0] for name, p in model.named_parameters() if p.requires_grad} == {
        "recurrent"
    }
    assert next(iter(adapter_updates(model, "a"))) == "recurrent.weight_ih_l0"


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"rank": 5}, ValueError, r"weight_ih_l0: rank is 5; the update has shape \(12, 3\)"),
        ({"rank": 0}, ValueError, "rank is 0; expected at least 1"),
        ({"rank": 1.5}, TypeError, "rank is 1.5; expected a whole number"),
        ({"alpha": 0}, ValueError, "alpha is 0; expected a finite number above 0"),
        ({"alpha": "big"}, TypeError, "alpha is 'big'"),
        ({"gates": ["x"]}, ValueError, r"gates is \['x'\]; expected one or more of 'r', 'z', 'n'"),
        ({"gates": []}, ValueError, r"gates is \[\]"),
        ({"weights": ["weight"]}, ValueError, "expected one or more of 'weight_ih', 'weight_hh'"),
        ({"layers": [2]}, ValueError, r"layers is \[2\]; expected some of 0 to 1"),
        ({"name": "a.b"}, ValueError, "expected text without a dot"),
        ({"name": "taken"}, ValueError, "has an adapter 'taken' already"),
    ],
)
def test_what_cannot_be_is_refused_and_leaves_the_model_as_it_was(options, error, words):
    gru = a_gru(nn.GRU)
    add_lora(gru, "taken", rank=1)
    before = {name: value.clone() for name, value in gru.state_dict().items()}
    with pytest.raises(error, match=words):
        add_lora(gru, **({"name": "a", "rank": 1} | options))
    assert adapter_names(gru) == ["taken"]
    assert before.keys() == gru.state_dict().keys()


def test_merging_and_using_what_is_not_there_is_refused():
    gru = a_gru(nn.GRU)
    with pytest.raises(ValueError, match="no adapter to merge: it has none"):
        merge_lora(gru)
    with pytest.raises(ValueError, match="no adapter 'a'; expected none: it has no adapters"):
        use_adapter(gru, "a")
    add_lora(gru, "a", rank=1)
    use_adapter(gru, None)
    with pytest.raises(ValueError, match="of a, none is in use"):
        merge_lora(gru)
    with pytest.raises(ValueError, match="no adapter 'b'; expected one of 'a'"):
        adapter_updates(gru, "b")
    with pytest.raises(ValueError, match="Linear has no GRU"):
        add_lora(nn.Linear(2, 2), "a", rank=1)


def test_other_parametrizations_stay():
    linear = nn.utils.parametrizations.weight_norm(nn.Linear(2, 2))
    model = nn.Sequential(a_gru(nn.GRU), linear)
    add_lora(model, "a", rank=1)
    remove_lora(model)
    assert parametrize.is_parametrized(linear) and not parametrize.is_parametrized(model[0])
