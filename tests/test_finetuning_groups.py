"""Layer groups, freezing, rates by depth: what is trained, and what keeps its bits."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from gru_lib.finetuning import (
    add_bottleneck,
    add_lora,
    count_trained,
    discriminative_groups,
    fine_tune_classifier,
    freeze,
    layer_groups,
    trained_groups,
    unfreeze,
)
from gru_lib.models import (
    LanguageClassifier,
    LanguageModel,
    SequenceClassifier,
    count_parameters,
    label_sequences,
    predict_classes,
)
from gru_lib.torch_gru import GRU

LADDER = ["answer", "recurrent.1", "recurrent.0", "embedding"]


def a_classifier(seed=0, layers=2, dropout=0.0):
    torch.manual_seed(seed)
    return LanguageClassifier(LanguageModel(6, 4, 8, num_layers=layers, dropout=dropout), classes=2)


def some_labels(count=24, seed=0):
    """Class 1 if a text begins with a code above 2."""
    codes = torch.randint(0, 6, (count, 5), generator=torch.Generator().manual_seed(seed))
    return label_sequences(list(codes), (codes[:, 0] > 2).long())


def bits_of(model):
    return {name: p.detach().clone() for name, p in model.named_parameters()}


def moved(model, before):
    return {name for name, p in model.named_parameters() if not torch.equal(p, before[name])}


class Own(nn.Module):
    """A model with our GRU and no embedding."""

    def __init__(self):
        super().__init__()
        self.body = GRU(3, 5, num_layers=2)
        self.end = nn.Linear(5, 2)


@pytest.mark.parametrize(
    ("model", "names"),
    [
        (LanguageModel(6, 4, 8, num_layers=2), LADDER),
        (a_classifier(), LADDER),
        (a_classifier(layers=1), ["answer", "recurrent.0", "embedding"]),
        (
            SequenceClassifier(4, 8, 3, vocabulary_size=6),
            ["answer", "recurrent.0", "embedding"],
        ),
        (SequenceClassifier(4, 8, 3), ["answer", "recurrent.0"]),
        (Own(), ["answer", "recurrent.1", "recurrent.0"]),
        (nn.GRU(3, 4, num_layers=3), ["recurrent.2", "recurrent.1", "recurrent.0"]),
        (nn.LSTM(3, 4), ["recurrent.0"]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_every_parameter_is_in_one_group_from_the_answer_to_the_input(model, names):
    groups = layer_groups(model)
    assert list(groups) == names
    found = [id(parameter) for group in groups.values() for parameter in group]
    assert sorted(found) == sorted(id(parameter) for parameter in model.parameters())


def test_each_group_holds_what_its_name_says():
    model = a_classifier()
    shapes = {
        name: sum(p.numel() for p in parameters) for name, parameters in layer_groups(model).items()
    }
    assert shapes == {
        "answer": 24 * 2 + 2,
        "recurrent.1": 24 * (8 + 8 + 2),
        "recurrent.0": 24 * (4 + 8 + 2),
        "embedding": 6 * 4,
    }


def test_both_directions_of_a_layer_are_one_group():
    groups = layer_groups(nn.GRU(3, 4, num_layers=2, bidirectional=True))
    assert {name: len(group) for name, group in groups.items()} == {
        "recurrent.1": 8,
        "recurrent.0": 8,
    }


def test_an_adapter_belongs_to_the_answer_and_low_rank_to_its_layer():
    model = LanguageModel(6, 4, 8, num_layers=2)
    add_bottleneck(model, width=3)
    assert trained_groups(model) == ["answer"]
    model = LanguageModel(6, 4, 8, num_layers=2)
    add_lora(model, "mine", rank=1)
    assert trained_groups(model) == ["recurrent.1", "recurrent.0"]


def test_a_model_without_recurrent_layers_has_no_ladder():
    with pytest.raises(ValueError, match="Linear without a recurrent layer"):
        layer_groups(nn.Linear(2, 3))


def test_freezing_and_unfreezing_by_name_and_all():
    model = a_classifier()
    whole = count_parameters(model)
    assert count_trained(model) == whole
    freeze(model)
    assert (trained_groups(model), count_trained(model)) == ([], 0)
    unfreeze(model, "answer")
    assert (trained_groups(model), count_trained(model)) == (["answer"], 50)
    unfreeze(model)
    freeze(model, "recurrent.0", "embedding")
    assert trained_groups(model) == ["answer", "recurrent.1"]
    assert count_trained(model) == whole - 24 * 14 - 24


@pytest.mark.parametrize("change", [freeze, unfreeze])
def test_a_group_that_does_not_exist_is_named_and_nothing_changed(change):
    model = a_classifier()
    freeze(model, "embedding")
    message = r"no group 'recurrent.2'.*answer, recurrent.1, recurrent.0, embedding"
    with pytest.raises(ValueError, match=message):
        change(model, "answer", "recurrent.2")
    assert trained_groups(model) == LADDER[:-1]


@given(
    layers=st.integers(1, 4),
    rate=st.floats(1e-5, 1.0),
    factor=st.floats(1.0, 10.0),
    frozen=st.sets(st.integers(0, 5)),
)
@settings(max_examples=30, deadline=None)
def test_rates_by_depth(layers, rate, factor, frozen):
    model = a_classifier(layers=layers)
    names = list(layer_groups(model))
    freeze_these = [name for depth, name in enumerate(names) if depth in frozen]
    if len(freeze_these) == len(names):
        return
    for name in freeze_these:
        freeze(model, name)
    groups = discriminative_groups(model, rate, factor)
    # the oracle goes down the ladder step by step
    expected, now = {}, rate
    for name in names:
        if name not in freeze_these:
            expected[name] = now
        now = now / factor
    assert {group["name"]: group["lr"] for group in groups} == pytest.approx(expected)
    torch.optim.Adam(groups)  # takes them, and would refuse a parameter that stands twice
    assert sum(p.numel() for group in groups for p in group["params"]) == count_trained(model)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"learning_rate": 0.0}, "learning_rate is 0.0; expected above 0"),
        ({"learning_rate": -1e-3}, "learning_rate is -0.001; expected above 0"),
        ({"learning_rate": float("nan")}, "learning_rate is nan"),
        ({"learning_rate": 0.1, "factor": 0.5}, "factor is 0.5; expected at least 1"),
        ({"learning_rate": 0.1, "factor": 0.0}, "factor is 0.0"),
    ],
)
def test_rates_that_are_not_allowed(arguments, message):
    with pytest.raises(ValueError, match=message):
        discriminative_groups(a_classifier(), **arguments)


def test_nothing_to_train_is_said():
    model = a_classifier()
    freeze(model)
    with pytest.raises(ValueError, match="every group of the model is frozen"):
        discriminative_groups(model, 0.1)


@pytest.mark.parametrize("frozen", [["embedding"], ["recurrent.0", "embedding"], LADDER[1:]])
def test_what_is_frozen_keeps_its_bits_costs_no_gradient_and_has_no_state(frozen):
    model, data = a_classifier(dropout=0.1), some_labels()
    freeze(model, *frozen)
    kept = [p for name in frozen for p in layer_groups(model)[name]]
    before = bits_of(model)
    fine_tune_classifier(model, data, data, seed=0, epochs=3, progress=False)
    groups = layer_groups(model)
    names_of = {id(p): name for name, p in model.named_parameters()}
    learning = {names_of[id(p)] for name in LADDER if name not in frozen for p in groups[name]}
    assert moved(model, before) == learning
    assert all(p.grad is None for p in kept)
    optimizer = torch.optim.Adam(discriminative_groups(model, 0.1))
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    assert not held & {id(p) for p in kept}


def test_gradual_unfreezing_goes_down_the_ladder_a_group_an_epoch():
    data = some_labels()
    stages = {}
    for epochs in (4, 6):
        model = a_classifier()
        stages[epochs] = fine_tune_classifier(
            model, data, data, seed=0, epochs=epochs, gradual=True, progress=False
        )
        assert trained_groups(model) == LADDER
    assert stages[4] == LADDER
    assert stages[6] == [*LADDER, "embedding", "embedding"]


def test_gradual_unfreezing_starts_with_what_is_frozen_and_leaves_it():
    model, data = a_classifier(), some_labels()
    freeze(model, "embedding")
    before = bits_of(model)
    stages = fine_tune_classifier(model, data, data, seed=0, epochs=3, gradual=True, progress=False)
    assert stages == LADDER[:-1]
    assert "embedding.weight" not in moved(model, before)
    with pytest.raises(ValueError, match="epochs is 2; gradual unfreezing of 3 groups"):
        fine_tune_classifier(model, data, data, seed=0, epochs=2, gradual=True, progress=False)


def test_the_recipe_learns_and_is_repeated_by_its_seed():
    data = some_labels(48)
    answers = {}
    for seed in (0, 0, 1):
        model = a_classifier()
        options = {"factor": 1.5, "schedule": "slanted", "gradual": True}
        fine_tune_classifier(
            model, data, data, seed=seed, epochs=40, learning_rate=0.03, progress=False, **options
        )
        weights = model.head.weight.detach().clone()
        assert seed not in answers or torch.equal(answers[seed], weights)
        answers[seed] = weights
        assert (predict_classes(model, data) == data.y.numpy()).mean() > 0.9
    assert not torch.equal(answers[0], answers[1])


def test_the_input_moves_least_under_rates_by_depth():
    data = some_labels()
    distance = {}
    for factor in (1.0, 10.0):
        model = a_classifier()
        before = bits_of(model)
        fine_tune_classifier(
            model, data, data, seed=0, epochs=1, factor=factor, learning_rate=0.01, progress=False
        )
        distance[factor] = {
            name: (p - before[name]).abs().max().item() for name, p in model.named_parameters()
        }
    assert distance[10.0]["embedding.weight"] < distance[1.0]["embedding.weight"] / 100
    assert distance[10.0]["head.weight"] == pytest.approx(distance[1.0]["head.weight"], rel=0.5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"learning_rate": 0.0}, "learning_rate is 0.0"),
        ({"factor": 0.1}, "factor is 0.1"),
        ({"schedule": "cosine"}, "schedule is 'cosine'; expected 'constant' or 'slanted'"),
        ({"epochs": 0}, "epochs is 0"),
        ({"batch_size": 0}, "batch_size is 0"),
    ],
)
def test_arguments_that_are_not_allowed(options, message):
    data = some_labels()
    with pytest.raises(ValueError, match=message):
        fine_tune_classifier(a_classifier(), data, data, seed=0, progress=False, **options)


def test_a_label_that_was_never_seen_is_named():
    train = label_sequences([[1, 2], [3]], [0, 0])
    valid = label_sequences([[1, 2], [3]], [0, 1])
    with pytest.raises(ValueError, match=r"valid holds the classes \[1\], of which train has no"):
        fine_tune_classifier(a_classifier(), train, valid, seed=0, progress=False)


def test_a_text_outside_the_vocabulary_is_named():
    data = label_sequences([[1, 6], [3]], [0, 1])
    with pytest.raises(ValueError, match="codes from 0 to 6; expected 0 to 5"):
        fine_tune_classifier(a_classifier(), data, data, seed=0, progress=False)


def test_gradual_unfreezing_trains_only_what_was_unfrozen():
    model, data = a_classifier(), some_labels()
    seen = []
    model.register_forward_pre_hook(
        lambda module, _: seen.append(tuple(trained_groups(module))) if module.training else None
    )
    fine_tune_classifier(model, data, data, seed=0, epochs=5, gradual=True, progress=False)
    assert list(dict.fromkeys(seen)) == [tuple(LADDER[: count + 1]) for count in range(4)]


def test_the_slanted_schedule_begins_with_a_small_step():
    data, steps = some_labels(), {}
    for schedule in ("constant", "slanted"):
        model = a_classifier()
        before = bits_of(model)
        options = {"schedule": schedule, "learning_rate": 0.32, "batch_size": 24}
        fine_tune_classifier(model, data, data, seed=0, epochs=1, progress=False, **options)
        # Adam's first step is the rate itself
        steps[schedule] = (model.head.weight - before["head.weight"]).abs().max().item()
    assert steps["constant"] == pytest.approx(0.32, rel=1e-3)
    assert steps["slanted"] == pytest.approx(0.32 / 32, rel=1e-3)
