"""Exercises of chapter 10, `pytorch-gru`.

Cases are NumPy arrays; ``run`` hands them to an answer as tensors. Three of the broken functions
restate mistakes of published code, whose places the chapter names.
"""

import numpy as np

from gru_lib.exercises.checker import AnswerError, Exercise, WrongAnswer


def _with_tensors(answer, case):
    """The answer called with tensors in the place of arrays, and what it returns as arrays."""
    import torch

    given = [torch.from_numpy(a) if isinstance(a, np.ndarray) else a for a in case]
    with torch.no_grad():
        return _as_arrays(answer(*given))


def _as_arrays(result):
    """A tensor as an array, tensors in a tuple as one array, anything else as it is."""
    import torch

    if isinstance(result, torch.Tensor):
        return result.detach().numpy()
    if isinstance(result, tuple | list) and all(isinstance(r, torch.Tensor) for r in result):
        return np.array([r.detach().numpy() for r in result])
    return result


def _make_gru(sizes, seed):
    """A GRU in float64 whose weights depend on the seed alone, larger than PyTorch's."""
    import torch

    gru = torch.nn.GRU(*sizes, dtype=torch.float64)
    rng = np.random.default_rng(seed)
    with torch.no_grad():
        for parameter in gru.parameters():
            parameter.copy_(torch.from_numpy(rng.normal(size=parameter.shape)))
    return gru


# --- shapes-of-a-gru ------------------------------------------------------------------------


def gru_shapes(length, batch, hidden_size, num_layers, bidirectional, batch_first):
    """Shapes of output and h_n of torch.nn.GRU for a batch of sequences."""
    directions = 2 if bidirectional else 1
    first_two = (batch, length) if batch_first else (length, batch)
    output = (*first_two, directions * hidden_size)  # of the last layer only
    h_n = (num_layers * directions, batch, hidden_size)  # whatever batch_first says
    return output, h_n


def _shape_cases(rng):
    cases = []
    for bidirectional in (False, True):
        for batch_first in (False, True):
            layers = int(rng.integers(2, 4))
            batch = int(rng.choice([5, 7, 9]))  # never as many as there are states in h_n
            length, hidden_size = map(int, rng.choice([2, 3, 4, 6, 8], size=2, replace=False))
            cases.append((length, batch, hidden_size, layers, bidirectional, batch_first))
    return cases


def _shapes_h_n_batch_first(length, batch, hidden_size, num_layers, bidirectional, batch_first):
    right = gru_shapes(length, batch, hidden_size, num_layers, bidirectional, batch_first)
    output, (states, _, _) = right
    return output, (batch, states, hidden_size) if batch_first else (states, batch, hidden_size)


def _shapes_wide_h_n(length, batch, hidden_size, num_layers, bidirectional, batch_first):
    right = gru_shapes(length, batch, hidden_size, num_layers, bidirectional, batch_first)
    output, _ = right
    return output, (num_layers, batch, output[2])


def _shapes_narrow_output(length, batch, hidden_size, num_layers, bidirectional, batch_first):
    right = gru_shapes(length, batch, hidden_size, num_layers, bidirectional, batch_first)
    output, h_n = right
    return (*output[:2], hidden_size), h_n


def _shapes_all_layers(length, batch, hidden_size, num_layers, bidirectional, batch_first):
    right = gru_shapes(length, batch, hidden_size, num_layers, bidirectional, batch_first)
    output, h_n = right
    return (*output[:2], num_layers * output[2]), h_n


GRU_SHAPES = Exercise(
    name="code/shapes-of-a-gru",
    chapter="pytorch-gru",
    task="Predict the shapes of what torch.nn.GRU returns.",
    reference=gru_shapes,
    cases=_shape_cases,
    wrong_answers=(
        WrongAnswer(
            "h_n with the batch first",
            _shapes_h_n_batch_first,
            "batch_first moves the batch in the input and in output. h_n stays as it is.",
        ),
        WrongAnswer(
            "directions side by side in h_n",
            _shapes_wide_h_n,
            "Side by side the two directions lie in output. In h_n they lie one after the other, "
            "as layers do: num_layers * 2 states of hidden_size numbers.",
        ),
        WrongAnswer(
            "one direction in output",
            _shapes_narrow_output,
            "With two directions every step of output holds both: 2 * hidden_size numbers.",
        ),
        WrongAnswer(
            "all layers in output",
            _shapes_all_layers,
            "output holds every step of the LAST layer. The other layers show only in h_n.",
        ),
        WrongAnswer(
            "the two exchanged",
            lambda *sizes: gru_shapes(*sizes)[::-1],
            "The two are exchanged: first output, then h_n.",
        ),
    ),
    hints=(
        "output: all steps, last layer. h_n: last step, all layers.",
        "Two directions: output becomes twice as wide, h_n twice as deep.",
        "(length, batch, directions * hidden_size), or batch before length; and "
        "(num_layers * directions, batch, hidden_size).",
    ),
)

# --- whose-state-is-it ----------------------------------------------------------------------


def last_states(h_n):
    """Last layer, both last states side by side: (batch, 2 * hidden_size)."""
    import torch

    forward, backward = h_n[-2], h_n[-1]  # the last layer's two come last
    return torch.cat([forward, backward], dim=1)


def _last_states_mixed(h_n):
    """Last layer, both last states side by side: (batch, 2 * hidden_size)."""
    h_n = h_n[-2:]  # the last layer, shape (2, batch, hidden_size)
    return h_n.reshape(h_n.shape[1], -1)


def _last_states_of_first_layer(h_n):
    import torch

    return torch.cat([h_n[0], h_n[1]], dim=1)


def _last_states_exchanged(h_n):
    import torch

    return torch.cat([h_n[-1], h_n[-2]], dim=1)


def _last_states_of_all_layers(h_n):
    return h_n.transpose(0, 1).reshape(h_n.shape[1], -1)


def _last_states_below_each_other(h_n):
    import torch

    return torch.cat([h_n[-2], h_n[-1]], dim=0)


def _h_n_cases(rng):
    cases = []
    for layers in (1, 2, 3):
        batch, size = map(int, rng.integers(2, 5, size=2))
        cases.append((rng.uniform(-1, 1, size=(2 * layers, batch, size)),))
    return cases


LAST_STATES = Exercise(
    name="code/whose-state-is-it",
    chapter="pytorch-gru",
    task="Read the last states of a bidirectional GRU without mixing the samples of a batch.",
    reference=last_states,
    cases=_h_n_cases,
    wrong_answers=(
        WrongAnswer(
            "reshaped across samples",
            _last_states_mixed,
            "The shape is right and the rows are not: reshape cuts memory into pieces in the order "
            "in which it lies there, all forward states before all backward ones. Most rows now "
            "hold states of two samples.",
        ),
        WrongAnswer(
            "first layer",
            _last_states_of_first_layer,
            "With more than one layer these are the first layer's. Layers lie from the bottom up, "
            "so count from the end.",
        ),
        WrongAnswer(
            "all layers",
            _last_states_of_all_layers,
            "No samples are mixed any more, but these are the states of all layers. Only the last "
            "layer's two are asked for.",
        ),
        WrongAnswer(
            "directions exchanged",
            _last_states_exchanged,
            "Each pair is right and in the other order: forward first, as in output.",
        ),
        WrongAnswer(
            "one below the other",
            _last_states_below_each_other,
            "They were joined along the batch. Side by side means along the features, dim=1.",
        ),
        WrongAnswer(
            "forward only",
            lambda h_n: h_n[-2],
            "That is the forward direction alone; the backward one is the last entry.",
        ),
    ),
    hints=(
        "Give it states that name their sample, such as torch.arange(batch), and look at a row.",
        "h_n[-2] is the last layer's forward state and h_n[-1] its backward one, each of shape "
        "(batch, hidden_size).",
        "torch.cat([h_n[-2], h_n[-1]], dim=1).",
    ),
    broken="reshaped across samples",
    run=_with_tensors,
)

# --- padding-on-the-left --------------------------------------------------------------------


def true_last_states(gru, x, lengths):
    """Last states (batch, hidden) for x (length, batch, inputs), padded left."""
    from torch.nn.utils.rnn import pack_sequence

    sequences = [x[len(x) - length :, i] for i, length in enumerate(lengths)]
    _, h_n = gru(pack_sequence(sequences, enforce_sorted=False))
    return h_n[-1]


def _last_states_after_left_padding(gru, x, lengths):
    """Last states (batch, hidden) for x (length, batch, inputs), padded left."""
    _, h_n = gru(x)  # all sequences end at the last step, so this must be right ...
    return h_n[-1]


def _as_if_padded_right(gru, x, lengths):
    output, _ = gru(x)
    return output[[length - 1 for length in lengths], range(len(lengths))]


def _read_backwards(gru, x, lengths):
    from torch.nn.utils.rnn import pack_padded_sequence

    _, h_n = gru(pack_padded_sequence(x.flip(0), lengths, enforce_sorted=False))
    return h_n[-1]


def _left_in_sorted_order(gru, x, lengths):
    order = sorted(range(len(lengths)), key=lambda i: -lengths[i])
    return true_last_states(gru, x, lengths)[order]


def _cut_to_the_shortest(gru, x, lengths):
    _, h_n = gru(x[-min(lengths) :])
    return h_n[-1]


def _left_padded_cases(rng):
    cases = []
    for _ in range(2):
        inputs, size, longest = 2, int(rng.integers(2, 4)), int(rng.integers(5, 8))
        lengths = [2, int(rng.integers(3, longest)), longest]  # the longest does not come first
        x = rng.normal(size=(longest, len(lengths), inputs))
        for i, length in enumerate(lengths):
            x[: longest - length, i] = 0.0
        cases.append(((inputs, size), int(rng.integers(1000)), x, lengths))
    return cases


def _run_left_padded(answer, case):
    import torch

    sizes, seed, x, lengths = case
    with torch.no_grad():
        return _as_arrays(answer(_make_gru(sizes, seed), torch.from_numpy(x), lengths))


LEFT_PADDING = Exercise(
    name="code/padding-on-the-left",
    chapter="pytorch-gru",
    task="Return true last states where the padding stands before the sequences.",
    reference=true_last_states,
    cases=_left_padded_cases,
    wrong_answers=(
        WrongAnswer(
            "started in the padding",
            _last_states_after_left_padding,
            "The end is right and the start is not: a GRU that reads zeros moves its state all the "
            "same, by its biases and its recurrent weights. A short sequence does not start from "
            "h = 0 any more.",
        ),
        WrongAnswer(
            "as if padded on the right",
            _as_if_padded_right,
            "Step length - 1 is the last one where padding stands BEHIND a sequence. Here it "
            "stands before, and at that step a short sequence has not even begun.",
        ),
        WrongAnswer(
            "read backwards",
            _read_backwards,
            "Flipping brings the padding to the end, and the last word to the front: the sequence "
            "is read backwards.",
        ),
        WrongAnswer(
            "left in sorted order",
            _left_in_sorted_order,
            "These are the right states in the wrong rows: sorted by length and not put back. "
            "enforce_sorted=False sorts and puts back by itself.",
        ),
        WrongAnswer(
            "cut to the shortest",
            _cut_to_the_shortest,
            "No padding is read now, but the longer sequences have lost their beginnings.",
        ),
    ),
    hints=(
        "Which steps of column i belong to the sequence? The last lengths[i] ones.",
        "torch.nn.utils.rnn.pack_sequence takes a list of sequences without any padding.",
        "Cut x[len(x) - length :, i] for each i, pack them with enforce_sorted=False, and take "
        "h_n[-1].",
    ),
    broken="started in the padding",
    run=_run_left_padded,
)

# --- chunks-of-a-long-sequence --------------------------------------------------------------


def read_in_chunks(gru, x, size):
    """Output for all of x, read in chunks of size steps; no gradient crosses."""
    import torch

    state, outputs = None, []
    for chunk in x.split(size):
        output, state = gru(chunk, state)
        state = state.detach()  # keep its value, cut the way back
        outputs.append(output)
    return torch.cat(outputs)


def _chunks_without_state(gru, x, size):
    import torch

    return torch.cat([gru(chunk)[0] for chunk in x.split(size)])


def _chunks_without_detach(gru, x, size):
    import torch

    state, outputs = None, []
    for chunk in x.split(size):
        output, state = gru(chunk, state)
        outputs.append(output)
    return torch.cat(outputs)


def _chunks_detached_outputs(gru, x, size):
    return read_in_chunks(gru, x, size).detach()


def _chunks_top_state_only(gru, x, size):
    import torch

    state, outputs = None, []
    for chunk in x.split(size):
        output, _ = gru(chunk, state)
        state = output[-1].detach().expand(gru.num_layers, -1, -1)
        outputs.append(output)
    return torch.cat(outputs)


def _chunks_without_rest(gru, x, size):
    return read_in_chunks(gru, x[: len(x) // size * size], size)


def _chunk_cases(rng):
    cases = []
    for _ in range(2):
        size = int(rng.integers(2, 4))
        length = 2 * size + 1  # two whole chunks and a rest
        x = rng.normal(size=(length, int(rng.integers(1, 4)), 2))
        cases.append(((2, 3, 2), int(rng.integers(1000)), x, size))
    return cases


def _run_chunks(answer, case):
    """The output, and the gradient of its last step with respect to x, in one array."""
    import torch

    sizes, seed, x, size = case
    inputs = torch.from_numpy(x).requires_grad_()
    output = answer(_make_gru(sizes, seed), inputs, size)
    if isinstance(output, tuple):
        raise AnswerError("It returned a tuple; expected the output alone, one tensor.")
    if not isinstance(output, torch.Tensor):
        return output
    if output.shape != (*x.shape[:2], sizes[1]):
        raise AnswerError(
            f"It returned shape {tuple(output.shape)}; expected {(*x.shape[:2], sizes[1])}: "
            "a state for every step, also where the last chunk is shorter."
        )
    gradient = torch.zeros_like(inputs)
    if output.requires_grad:
        (gradient,) = torch.autograd.grad(output[-1].sum(), inputs)
    return np.concatenate([output.detach().numpy().ravel(), gradient.numpy().ravel()])


CHUNKS = Exercise(
    name="code/chunks-of-a-long-sequence",
    chapter="pytorch-gru",
    task="Read a long sequence in chunks as if it were read at once, and cut the gradient.",
    reference=read_in_chunks,
    cases=_chunk_cases,
    wrong_answers=(
        WrongAnswer(
            "every chunk from zero",
            _chunks_without_state,
            "Every chunk starts from h = 0: hand the state of the chunk before to the next one.",
        ),
        WrongAnswer(
            "no detach",
            _chunks_without_detach,
            "The values are right. The gradient of the last step still reaches the first chunk: "
            "the graph grows with every chunk until memory ends. Detach the state.",
        ),
        WrongAnswer(
            "outputs detached",
            _chunks_detached_outputs,
            "Now nothing can be learned at all: the outputs themselves are cut off. Detach only "
            "what is carried into the next chunk.",
        ),
        WrongAnswer(
            "only the top layer's state",
            _chunks_top_state_only,
            "This GRU has two layers, and each carries a state of its own. output[-1] is the top "
            "one only: carry h_n.",
        ),
        WrongAnswer(
            "the rest left out",
            _chunks_without_rest,
            "The length need not be a multiple of the chunk. x.split(size) gives the rest as well.",
        ),
    ),
    hints=(
        "gru(chunk, state) starts from that state; None means zero.",
        "After each chunk: state = state.detach().",
        "Loop over x.split(size), collect the outputs, torch.cat them.",
    ),
    run=_run_chunks,
)

# --- the-lstm-cell-that-never-ran -----------------------------------------------------------


def lstm_cell(x, h, c, weight, bias):
    """New h and c (batch, H); weight (4 H, H + D): input, forget, cell, output."""
    import torch

    joined = torch.cat([h, x], dim=1)  # side by side: (batch, H + D)
    rows = joined @ weight.T + bias
    to_input, to_forget, to_cell, to_output = rows.chunk(4, dim=1)
    c = torch.sigmoid(to_forget) * c + torch.sigmoid(to_input) * torch.tanh(to_cell)
    h = torch.sigmoid(to_output) * torch.tanh(c)
    return h, c


def _lstm_cell_stacked(x, h, c, weight, bias):
    """New h and c (batch, H); weight (4 H, H + D): input, forget, cell, output."""
    import torch

    joined = torch.stack([h, x], dim=1)
    rows = joined @ weight.T + bias
    to_input, to_forget, to_cell, to_output = rows.chunk(4, dim=1)
    c = torch.sigmoid(to_forget) * c
    c = c + torch.sigmoid(to_input) * torch.tanh(to_cell)
    gate = torch.sigmoid(to_output)
    h = output_gate * torch.tanh(c)
    return h, c


def _lstm_cell_undefined_name(x, h, c, weight, bias):
    import torch

    rows = torch.cat([h, x], dim=1) @ weight.T + bias
    gate = torch.sigmoid(rows.chunk(4, dim=1)[3])
    return output_gate * torch.tanh(c), c


def _lstm_cell(order="ifgo", first="h", squash=True, old=True):
    """The cell with one thing wrong in it."""

    def answer(x, h, c, weight, bias):
        import torch

        joined = torch.cat([h, x] if first == "h" else [x, h], dim=1)
        rows = dict(zip(order, (joined @ weight.T + bias).chunk(4, dim=1), strict=True))
        new = torch.sigmoid(rows["f"]) * c + torch.sigmoid(rows["i"]) * torch.tanh(rows["g"])
        shown = new if old else c
        return torch.sigmoid(rows["o"]) * (torch.tanh(shown) if squash else shown), new

    return answer


def _lstm_cases(rng):
    cases = []
    for _ in range(3):
        inputs, size, batch = map(int, rng.permutation(np.arange(2, 6))[:3])
        x, h = rng.normal(size=(batch, inputs)), rng.uniform(-1, 1, size=(batch, size))
        weight = rng.normal(size=(4 * size, size + inputs))
        cases.append((x, h, rng.normal(size=(batch, size)), weight, rng.normal(size=4 * size)))
    return cases


LSTM_CELL = Exercise(
    name="code/the-lstm-cell-that-never-ran",
    chapter="pytorch-gru",
    task="Repair an LSTM cell so that it equals torch.nn.LSTMCell.",
    reference=lstm_cell,
    cases=_lstm_cases,
    wrong_answers=(
        WrongAnswer(
            "stacked",
            _lstm_cell_stacked,
            "stack puts tensors of EQUAL shape on a new axis; h and x have different widths and "
            "should lie side by side on the axis that is there.",
        ),
        WrongAnswer(
            "a name that nobody defined",
            _lstm_cell_undefined_name,
            "It comes further now. The gate was computed under one name and is used under another.",
        ),
        WrongAnswer(
            "x before h",
            _lstm_cell(first="x"),
            "weight has the columns of h first, then those of x: join them in that order.",
        ),
        WrongAnswer(
            "input and forget gate exchanged",
            _lstm_cell(order="figo"),
            "The rows are input, forget, cell, output, as in PyTorch. With the first two exchanged "
            "the cell keeps what it should write.",
        ),
        WrongAnswer(
            "output and cell exchanged",
            _lstm_cell(order="ifog"),
            "The rows are input, forget, cell, output: the cell's candidate is third, as in "
            "PyTorch. The refactored cell of the book in question has it last, with weights of "
            "its own.",
        ),
        WrongAnswer(
            "no tanh around the cell",
            _lstm_cell(squash=False),
            "c is right. h is the output gate times tanh(c): the tanh around the new c is missing.",
        ),
        WrongAnswer(
            "h from the old cell",
            _lstm_cell(old=False),
            "c is right. h shows the NEW cell, after it was updated.",
        ),
    ),
    hints=(
        "h has shape (batch, H) and x (batch, D). What shape does weight want to meet?",
        "torch.cat joins along an axis that is there, torch.stack makes a new one.",
        "After that one name is left that nothing defines.",
    ),
    broken="stacked",
    run=_with_tensors,
)

# --- attention-that-ignores-the-encoder -----------------------------------------------------


def attention_weights(state, previous_word, encoder_states, lengths, matrix):
    """Weights (batch, length) of encoder_states (length, batch, H)."""
    import torch

    scores = torch.einsum("bh,tbh->bt", state, encoder_states)  # dot products
    is_padding = torch.arange(len(encoder_states)) >= lengths[:, None]
    scores = scores.masked_fill(is_padding, -torch.inf)  # no look at padding
    return scores.softmax(dim=1)


def _attention_blind(state, previous_word, encoder_states, lengths, matrix):
    """Weights (batch, length) of encoder_states (length, batch, H)."""
    import torch

    # matrix: (H + E, longest source allowed)
    scores = torch.cat([state, previous_word], dim=1) @ matrix
    return scores[:, : len(encoder_states)].softmax(dim=1)


def _scores(state, encoder_states, lengths, fill):
    import torch

    scores = torch.einsum("bh,tbh->bt", state, encoder_states)
    return scores.masked_fill(torch.arange(scores.shape[1]) >= lengths[:, None], fill)


def _attention_blind_masked(state, previous_word, encoder_states, lengths, matrix):
    import torch

    scores = torch.cat([state, previous_word], dim=1) @ matrix
    scores = scores[:, : len(encoder_states)]
    padding = torch.arange(scores.shape[1]) >= lengths[:, None]
    return scores.masked_fill(padding, -torch.inf).softmax(dim=1)


def _attention_no_mask(state, previous_word, encoder_states, lengths, matrix):
    import torch

    return torch.einsum("bh,tbh->bt", state, encoder_states).softmax(dim=1)


def _attention_over_batch(state, previous_word, encoder_states, lengths, matrix):
    # a step that is padding in all sequences would divide 0 by 0
    return _scores(state, encoder_states, lengths, -1e9).softmax(dim=0)


def _attention_mask_zero(state, previous_word, encoder_states, lengths, matrix):
    return _scores(state, encoder_states, lengths, 0.0).softmax(dim=1)


def _attention_scaled(state, previous_word, encoder_states, lengths, matrix):
    import torch

    return _scores(state / state.shape[1] ** 0.5, encoder_states, lengths, -torch.inf).softmax(
        dim=1
    )


def _attention_masked_late(state, previous_word, encoder_states, lengths, matrix):
    import torch

    weights = torch.einsum("bh,tbh->bt", state, encoder_states).softmax(dim=1)
    return weights * (torch.arange(weights.shape[1]) < lengths[:, None])


def _attention_cases(rng):
    cases = []
    for _ in range(2):
        words, longest, batch = 2, int(rng.integers(4, 7)), 3
        size = int(rng.integers(2, 5))
        lengths = np.array([longest, 2, int(rng.integers(2, longest))])
        encoder_states = rng.uniform(-1, 1, size=(longest, batch, size))  # padding is no zero
        state, word = rng.normal(size=(batch, size)), rng.normal(size=(batch, words))
        matrix = rng.normal(size=(size + words, longest + 2))
        cases.append((state, word, encoder_states, lengths, matrix))
    return cases


ATTENTION = Exercise(
    name="code/attention-that-ignores-the-encoder",
    chapter="pytorch-gru",
    task="Repair attention so that it looks at what it attends to.",
    reference=attention_weights,
    cases=_attention_cases,
    wrong_answers=(
        WrongAnswer(
            "blind",
            _attention_blind,
            "Permute encoder_states and the weights stay as they are: the scores come from the "
            "state and the previous word alone. Score each encoder state against the state.",
        ),
        WrongAnswer(
            "blind, with a mask",
            _attention_blind_masked,
            "The mask is right. The scores still do not depend on encoder_states at all.",
        ),
        WrongAnswer(
            "no mask",
            _attention_no_mask,
            "Padding gets a share as well: every score has one. Set the scores from step "
            "lengths[i] on to minus infinity before the softmax.",
        ),
        WrongAnswer(
            "softmax over the batch",
            _attention_over_batch,
            "Here the samples of the batch compete with each other. The weights of one sample, a "
            "row, must add up to 1.",
        ),
        WrongAnswer(
            "masked with 0",
            _attention_mask_zero,
            "A score of 0 is no weight of 0: exp(0) is 1. Fill with minus infinity.",
        ),
        WrongAnswer(
            "scaled by the square root of the size",
            _attention_scaled,
            "It sees, and it masks. The division by the square root of the size belongs to the "
            "transformer's attention; here the plain dot product is asked for.",
        ),
        WrongAnswer(
            "masked after the softmax",
            _attention_masked_late,
            "Padding has weight 0 now, but it had its share before: rows of short sequences do not "
            "add up to 1. Mask the scores, then take the softmax.",
        ),
    ),
    hints=(
        "The score of a step is the dot product of state[i] with encoder_states[t, i].",
        "torch.einsum('bh,tbh->bt', state, encoder_states) gives all of them.",
        "Before the softmax: scores.masked_fill(is_padding, -torch.inf), where is_padding is "
        "torch.arange(len(encoder_states)) >= lengths[:, None]. Two arguments are left over.",
    ),
    broken="blind",
    run=_with_tensors,
)

EXERCISES = (GRU_SHAPES, LAST_STATES, LEFT_PADDING, CHUNKS, LSTM_CELL, ATTENTION)
