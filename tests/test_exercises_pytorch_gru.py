"""The references of chapter 10's exercises against another judge: PyTorch itself."""

import numpy as np
import pytest
import torch

from gru_lib.exercises.checker import grade
from gru_lib.exercises.code import pytorch_gru

SEEDS = range(5)


def cases_of(exercise):
    return [case for seed in SEEDS for case in exercise.cases(np.random.default_rng(seed))]


@pytest.mark.parametrize("case", cases_of(pytorch_gru.GRU_SHAPES))
def test_the_shapes_are_those_of_torch(case):
    length, batch, hidden_size, num_layers, bidirectional, batch_first = case
    gru = torch.nn.GRU(
        3, hidden_size, num_layers, bidirectional=bidirectional, batch_first=batch_first
    )
    x = torch.zeros(batch, length, 3) if batch_first else torch.zeros(length, batch, 3)
    output, h_n = gru(x)
    assert pytorch_gru.gru_shapes(*case) == (tuple(output.shape), tuple(h_n.shape))


def test_the_last_states_are_the_ends_of_output():
    gru = torch.nn.GRU(3, 4, num_layers=2, bidirectional=True)
    output, h_n = gru(torch.randn(6, 5, 3))
    ends = torch.cat([output[-1, :, :4], output[0, :, 4:]], dim=1)
    assert torch.equal(pytorch_gru.last_states(h_n), ends)


def test_true_last_states_are_those_of_each_sequence_alone():
    for sizes, seed, x, lengths in cases_of(pytorch_gru.LEFT_PADDING):
        gru, x = pytorch_gru._make_gru(sizes, seed), torch.from_numpy(x)
        alone = [gru(x[len(x) - n :, i])[1][0] for i, n in enumerate(lengths)]
        found = pytorch_gru.true_last_states(gru, x, lengths)
        assert torch.allclose(found, torch.stack(alone), rtol=0, atol=1e-12)


def test_chunks_give_the_output_of_the_whole():
    for sizes, seed, x, size in cases_of(pytorch_gru.CHUNKS):
        gru, x = pytorch_gru._make_gru(sizes, seed), torch.from_numpy(x).requires_grad_()
        output = pytorch_gru.read_in_chunks(gru, x, size)
        assert torch.allclose(output, gru(x)[0], rtol=0, atol=1e-12)
        (gradient,) = torch.autograd.grad(output[-1].sum(), x)
        in_last_chunk = torch.arange(len(x)) >= (len(x) - 1) // size * size
        assert (gradient[~in_last_chunk] == 0).all()
        assert (gradient[in_last_chunk] != 0).any()


def test_the_lstm_cell_is_that_of_torch():
    for arrays in cases_of(pytorch_gru.LSTM_CELL):
        x, h, c, weight, bias = map(torch.from_numpy, arrays)
        cell = torch.nn.LSTMCell(x.shape[1], h.shape[1], dtype=x.dtype)
        weight_hh, weight_ih = weight.split([h.shape[1], x.shape[1]], dim=1)
        cell.load_state_dict(
            {
                "weight_ih": weight_ih,
                "weight_hh": weight_hh,
                "bias_ih": bias,
                "bias_hh": torch.zeros_like(bias),
            }
        )
        found = pytorch_gru.lstm_cell(x, h, c, weight, bias)
        for mine, right in zip(found, cell(x, (h, c)), strict=True):
            assert torch.allclose(mine, right, rtol=0, atol=1e-12)


def test_the_weights_are_those_of_torch_attention():
    for arrays in cases_of(pytorch_gru.ATTENTION):
        state, word, encoder_states, lengths, matrix = map(torch.from_numpy, arrays)
        weights = pytorch_gru.attention_weights(state, word, encoder_states, lengths, matrix)
        # with the identity as values, what attention returns is its weights
        steps = len(encoder_states)
        values = torch.eye(steps, dtype=state.dtype).expand(len(state), steps, steps)
        expected = torch.nn.functional.scaled_dot_product_attention(
            state.unsqueeze(1),
            encoder_states.transpose(0, 1),
            values,
            attn_mask=(torch.arange(steps) < lengths[:, None]).unsqueeze(1),
            scale=1.0,
        ).squeeze(1)
        assert torch.allclose(weights, expected, rtol=0, atol=1e-12)


def test_a_pair_in_place_of_the_output_is_named():
    report = grade(pytorch_gru.CHUNKS, lambda gru, x, size: gru(x), np.random.default_rng(0))
    assert not report.passed
    assert "expected the output alone" in report.message
