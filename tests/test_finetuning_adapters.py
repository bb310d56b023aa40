"""Bottlenecks, training of one sort of parameters, and files of adapters."""

import pytest
import torch
from torch import nn

from gru_lib.finetuning import (
    Bottleneck,
    adapter_names,
    adapter_updates,
    add_bottleneck,
    add_lora,
    base_fingerprint,
    load_adapter,
    merge_lora,
    save_adapter,
    train_only,
    use_adapter,
)
from gru_lib.models import LanguageModel
from gru_lib.pretrained import load_pretrained, load_pretrained_adapter
from gru_lib.training import CheckpointError, save_weights

CODES = torch.tensor([[1, 2, 3, 4, 5, 6]])


def a_model(seed=0):
    torch.manual_seed(seed)
    return LanguageModel(10, 4, 8, num_layers=2)


def adapted(seed=0, name="mine", **options):
    model = a_model(seed)
    add_lora(model, name, **({"rank": 2, "alpha": 3.0} | options))
    with torch.no_grad():
        for update in adapter_updates(model, name).values():
            update.B.normal_()
    return model


def test_a_bottleneck_changes_nothing_at_first_and_alone_is_trained():
    model = a_model()
    before = model(CODES)[0]
    numbers = add_bottleneck(model, width=3)
    assert torch.equal(model(CODES)[0], before)
    trained = {name for name, p in model.named_parameters() if p.requires_grad}
    assert {name.split(".")[0] for name in trained} == {"adapter"}
    assert numbers == (8 + 1) * 3 + (3 + 1) * 8
    model(CODES)[0].square().sum().backward()
    assert model.adapter.up.weight.grad.abs().sum() > 0
    with pytest.raises(ValueError, match="holds Bottleneck; expected Identity"):
        add_bottleneck(model, width=3)
    with pytest.raises(ValueError, match="'adapter' of GRU holds NoneType"):
        add_bottleneck(nn.GRU(2, 3), width=3)


def test_a_bottleneck_is_the_equation():
    torch.manual_seed(0)
    bottleneck, x = Bottleneck(5, 2).double(), torch.randn(3, 5, dtype=torch.float64)
    nn.init.normal_(bottleneck.up.weight)
    inner = x @ bottleneck.down.weight.T + bottleneck.down.bias
    gelu = inner * 0.5 * (1 + torch.erf(inner / 2**0.5))
    expected = x + gelu @ bottleneck.up.weight.T
    torch.testing.assert_close(bottleneck(x), expected)


@pytest.mark.parametrize(
    ("ending", "numbers"),
    [
        ("bias", 4 * 24 + 10),
        ("output.", 80 + 10),
        ("recurrent.weight", 24 * (4 + 8 + 8 + 8)),
    ],
)
def test_one_sort_of_parameters_is_trained(ending, numbers):
    model = a_model()
    assert train_only(model, ending) == numbers
    assert all((ending in name) == p.requires_grad for name, p in model.named_parameters())
    with pytest.raises(ValueError, match="no parameter of LanguageModel has 'head'"):
        train_only(model, "head")


@pytest.mark.parametrize("gates", [("r", "z", "n"), ("z",)])
def test_an_adapter_comes_back_from_its_file(tmp_path, gates):
    model, path = adapted(gates=gates), tmp_path / "mine.safetensors"
    save_adapter(model, "mine", path, {"data": "none"})
    again = a_model()
    assert load_adapter(again, path) == {"data": "none"}
    assert torch.equal(again(CODES)[0], model(CODES)[0])
    assert path.stat().st_size < 8_000
    # on top of another one, under another name
    use_adapter(again, None)
    load_adapter(again, path, name="second")
    assert adapter_names(again) == ["mine", "second"]
    assert torch.equal(again(CODES)[0], model(CODES)[0])
    with pytest.raises(ValueError, match="has an adapter 'mine' already"):
        load_adapter(again, path)


def test_an_adapter_for_another_base_is_refused_with_both_names(tmp_path):
    model, other, path = adapted(seed=0), a_model(seed=1), tmp_path / "mine.safetensors"
    save_adapter(model, "mine", path)
    mine, theirs = base_fingerprint(a_model(0))[:12], base_fingerprint(other)[:12]
    with pytest.raises(
        CheckpointError, match=f"'mine' was trained for the base {mine}; .*{theirs}"
    ):
        load_adapter(other, path)
    assert adapter_names(other) == []
    merge_lora(model)  # what was merged is another base
    with pytest.raises(CheckpointError, match="was trained for the base"):
        load_adapter(model, path)


def test_the_fingerprint_is_of_the_base_and_of_all_of_it():
    model = a_model()
    plain = base_fingerprint(model)
    assert plain == base_fingerprint(adapted()) and plain == base_fingerprint(a_model())
    with torch.no_grad():
        model.output.bias[0] += 1e-6
    assert base_fingerprint(model) != plain


def test_other_files_are_refused(tmp_path):
    weights, broken = tmp_path / "w.safetensors", tmp_path / "b.safetensors"
    save_weights(a_model(), weights)
    with pytest.raises(CheckpointError, match="expected 'gru_lib adapter 1'"):
        load_adapter(a_model(), weights)
    save_adapter(adapted(), "mine", broken)
    broken.write_bytes(broken.read_bytes()[:-3])
    with pytest.raises(CheckpointError, match="cut short"):
        load_adapter(a_model(), broken)
    with pytest.raises(FileNotFoundError, match="there is no file"):
        load_adapter(a_model(), tmp_path / "none.safetensors")
    with pytest.raises(ValueError, match=r"card uses \['rank'\]"):
        save_adapter(adapted(), "mine", broken, {"rank": "9"})
    with pytest.raises(ValueError, match="no adapter 'other'"):
        save_adapter(adapted(), "other", broken)


def test_the_adapter_of_the_course():
    model = load_pretrained().model
    card = load_pretrained_adapter(model)
    numbers = sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert numbers <= 25_000
    assert "BSD" in card["licence"]
    with pytest.raises(ValueError, match="expected one of 'numpy'"):
        load_pretrained_adapter(model, "pandas")
    with pytest.raises(CheckpointError, match="was trained for the base"):
        load_pretrained_adapter(load_pretrained("shuffled").model)
