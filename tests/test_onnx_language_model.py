"""A whole language model in ONNX Runtime, beside PyTorch."""

import copy

import numpy as np
import pytest
import torch

from gru_lib.interop import language_model_to_onnx
from gru_lib.models import LanguageModel
from gru_lib.quantisation import dequantise_rows, quantise_rows

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")


def state_of(model):
    return {name: value.numpy() for name, value in model.state_dict().items()}


def session(model, **options):
    made = language_model_to_onnx(state_of(model), **options)
    onnx.checker.check_model(made, full_check=True)
    return onnxruntime.InferenceSession(
        made.SerializeToString(), providers=["CPUExecutionProvider"]
    )


@pytest.fixture(params=[1, 2])
def model(request):
    torch.manual_seed(0)
    return LanguageModel(11, 6, 8, num_layers=request.param).eval()


@pytest.mark.parametrize(("batch", "time"), [(1, 1), (3, 7)])
def test_the_runtime_gives_pytorchs_logits_and_state(model, batch, time):
    codes, h0 = torch.randint(11, (batch, time)), torch.randn(model.recurrent.num_layers, batch, 8)
    logits, h_n = session(model).run(None, {"codes": codes.numpy(), "h0": h0.numpy()})
    with torch.no_grad():
        expected, state = model(codes, h0)
    assert logits == pytest.approx(expected.numpy(), abs=1e-5)
    assert h_n == pytest.approx(state.numpy(), abs=1e-5)


def test_a_text_can_be_read_on(model):
    run = session(model).run
    codes = np.random.default_rng(0).integers(11, size=(2, 9))
    h0 = np.zeros((model.recurrent.num_layers, 2, 8), np.float32)
    whole, last = run(None, {"codes": codes, "h0": h0})
    pieces, state = [], h0
    for t in range(9):
        logits, state = run(None, {"codes": codes[:, t : t + 1], "h0": state})
        pieces.append(logits)
    assert np.concatenate(pieces, axis=1) == pytest.approx(whole, abs=1e-5)
    assert state == pytest.approx(last, abs=1e-5)


def test_eight_bits_are_those_of_the_rows(model):
    codes = torch.randint(11, (3, 7))
    h0 = torch.zeros(model.recurrent.num_layers, 3, 8)
    logits, _ = session(model, eight_bits=True).run(
        None, {"codes": codes.numpy(), "h0": h0.numpy()}
    )
    rounded = copy.deepcopy(model)
    with torch.no_grad():
        for parameter in rounded.parameters():
            if parameter.ndim == 2:
                rows = dequantise_rows(quantise_rows(parameter.numpy()))
                parameter.copy_(torch.from_numpy(rows))
        expected = rounded(codes)[0].numpy()
        assert abs(expected - model(codes)[0].numpy()).max() > 1e-4  # the rounding shows
    assert logits == pytest.approx(expected, abs=1e-5)


def test_eight_bits_take_a_quarter_of_the_room():
    model = LanguageModel(96, 48, 160, num_layers=2)
    sizes = [
        len(language_model_to_onnx(state_of(model), eight_bits=bits).SerializeToString())
        for bits in (False, True)
    ]
    assert 0.24 < sizes[1] / sizes[0] < 0.28


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda s: s.pop("output.bias"), ValueError, "state has no output.bias"),
        (
            lambda s: s.update({"output.weight": np.zeros((11, 9), np.float32)}),
            ValueError,
            r"output.weight has shape \(11, 9\); these layers expect \(11, 8\)",
        ),
        (
            lambda s: s.update({"output.bias": np.zeros(11)}),
            TypeError,
            "output.bias has dtype float64; expected float32",
        ),
    ],
)
def test_a_state_that_does_not_fit_is_named(change, error, message):
    state = state_of(LanguageModel(11, 6, 8))
    change(state)
    with pytest.raises(error, match=message):
        language_model_to_onnx(state)


def test_a_network_that_reads_backwards_is_refused():
    state = state_of(LanguageModel(11, 6, 8))
    both = torch.nn.GRU(6, 8, bidirectional=True).state_dict()
    state.update({f"recurrent.{name}": value.numpy() for name, value in both.items()})
    with pytest.raises(ValueError, match="a language model reads forwards"):
        language_model_to_onnx(state)
