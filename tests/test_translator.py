"""Translators: attention, padding, and the search for the best translation."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gru_lib.data.translation import Pairs, dated_lists
from gru_lib.models import (
    Attention,
    Languages,
    Memory,
    NearestSentence,
    Symbols,
    Translator,
    WordTable,
    attention_weights,
    beam_search,
    encode_pairs,
    greedy_search,
    train_translator,
    translate,
    translation_loss,
)
from gru_lib.models.translator import END, PADDING, START, UNKNOWN

PAIRS = dated_lists(12, [1, 2, 4], seed=0)
LANGUAGES = Languages.of(PAIRS)
BATCH = encode_pairs(PAIRS, LANGUAGES)
KINDS = list(itertools.product(("tanh", "GRU", "LSTM"), (True, False)))


def make(cell="GRU", attention=True, languages=LANGUAGES, seed=0, **settings):
    torch.manual_seed(seed)
    model = Translator(languages, 5, 7, cell=cell, attention=attention, **settings)
    return model.double().eval()


def read(model, sentence):
    source = torch.tensor([LANGUAGES.source.encode(sentence)])
    return model.encode(source, torch.tensor([source.shape[1]]))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 6), min_size=1, max_size=4), st.integers(1, 5), st.integers(0, 99))
def test_attention_is_a_distribution_over_what_is_real(lengths, steps, seed):
    torch.manual_seed(seed)
    longest = max(lengths)
    real = torch.arange(longest) < torch.tensor(lengths)[:, None]
    states = torch.randn(len(lengths), longest, 3)
    memory = Memory(states, real, states[None, :, -1])
    weights = Attention(3)(torch.randn(len(lengths), steps, 3), memory)
    assert weights.shape == (len(lengths), steps, longest)
    assert torch.allclose(weights.sum(dim=2), torch.ones(len(lengths), steps))
    assert (weights.masked_select(~real[:, None].expand_as(weights)) == 0).all()


def test_attention_is_luongs_general_score():
    attention, states, query = Attention(3).double(), torch.randn(4, 3).double(), torch.randn(3)
    memory = Memory(states[None], torch.ones(1, 4, dtype=torch.bool), states[None, -1:])
    query = query.double()
    scores = [float((query @ attention.score.weight @ state).detach()) for state in states]
    expected = torch.tensor(scores, dtype=torch.float64).softmax(dim=0)
    assert torch.allclose(attention(query[None, None], memory)[0, 0], expected)


def test_attention_depends_on_the_states_and_moves_with_them():
    model = make()
    memory = read(model, PAIRS.sources[0])
    queries = torch.randn(1, 3, 7, dtype=torch.float64)
    weights = model.attention(queries, memory)
    order = torch.randperm(memory.states.shape[1])
    moved = memory._replace(states=memory.states[:, order], real=memory.real[:, order])
    assert torch.allclose(model.attention(queries, moved), weights[:, :, order], atol=1e-12)
    assert not torch.allclose(model.attention(queries, moved), weights, atol=1e-6)


@pytest.mark.parametrize(("cell", "attention"), KINDS)
@pytest.mark.parametrize("reverse_source", [False, True])
def test_a_sentence_in_a_batch_is_as_alone(cell, attention, reverse_source):
    model = make(cell, attention, reverse_source=reverse_source)
    together = model(*BATCH)
    for i, pair in enumerate(zip(*PAIRS, strict=True)):
        alone = encode_pairs(Pairs([pair[0]], [pair[1]]), LANGUAGES)
        steps = alone.target.shape[1]
        assert torch.allclose(together[i, :steps], model(*alone)[0], atol=1e-12)


def test_reversing_is_reading_backwards():
    forward, backward = make(attention=False), make(attention=False, reverse_source=True)
    turned = encode_pairs(Pairs([s[::-1] for s in PAIRS.sources], PAIRS.targets), LANGUAGES)
    assert torch.equal(forward(*turned), backward(*BATCH))
    assert not torch.equal(forward(*BATCH), backward(*BATCH))


@pytest.mark.parametrize("attention", [True, False])
def test_without_attention_only_the_last_state_is_seen(attention):
    model = make(attention=attention)
    memory = read(model, PAIRS.sources[3])
    other = memory._replace(states=torch.randn_like(memory.states))
    symbols = torch.tensor([[START, 5, 6]])
    same = torch.equal(
        model.decode(symbols, memory.last, memory)[0], model.decode(symbols, other.last, other)[0]
    )
    assert same is not attention


@pytest.mark.parametrize(("cell", "attention"), KINDS)
def test_step_by_step_is_all_at_once(cell, attention):
    model = make(cell, attention)
    memory = read(model, PAIRS.sources[1])
    target = BATCH.target[1:2]
    whole, _, _ = model.decode(target, memory.last, memory)
    state, steps = memory.last, []
    for symbol in target.T:
        logits, state, _ = model.decode(symbol[:, None], state, memory)
        steps.append(logits)
    assert torch.allclose(torch.cat(steps, dim=1), whole, atol=1e-12)


def test_the_loss_is_that_of_each_next_symbol():
    model = make()
    total = 0.0
    for source, target in zip(*PAIRS, strict=True):
        memory = read(model, source)
        numbers = [START, *LANGUAGES.target.encode(target), END]
        chances = model.decode(torch.tensor([numbers]), memory.last, memory)[0].softmax(dim=2)[0]
        total -= sum(float(chances[i, n].log()) for i, n in enumerate(numbers[1:]))
    loss, count = translation_loss(model, BATCH)
    assert count == sum(len(target) + 1 for target in PAIRS.targets)
    assert float(loss) == pytest.approx(total / count)


@pytest.mark.parametrize(("cell", "attention"), KINDS)
def test_a_beam_of_one_is_greedy(cell, attention):
    model = make(cell, attention)
    with torch.no_grad():
        model.output.bias[END] += 1.0  # so that it ends now and then
    found = set()
    for source in PAIRS.sources:
        memory = read(model, source)
        greedy = greedy_search(model, memory, 9)[0].tolist()
        (beam,) = beam_search(model, memory, 9, width=1)
        assert LANGUAGES.target.decode(beam.symbols) == LANGUAGES.target.decode(greedy)
        found.add(len(beam.symbols))
    assert found


TINY = Languages(Symbols([["a", "b"]]), Symbols([["x", "y"]]))


def log_probability(model, memory, symbols):
    logits, _, _ = model.decode(torch.tensor([[START, *symbols[:-1]]]), memory.last, memory)
    logits[..., [PADDING, START, UNKNOWN]] = -torch.inf
    return float(logits.log_softmax(dim=2)[0, torch.arange(len(symbols)), list(symbols)].sum())


@pytest.mark.parametrize("length_power", [0.0, 0.7, 1.0])
@pytest.mark.parametrize("seed", range(4))
def test_a_wide_beam_finds_the_best_of_all_translations(length_power, seed):
    model = make(languages=TINY, seed=seed)
    with torch.no_grad():  # sharper than at the start, and slow to end
        model.output.weight *= 6
        model.output.bias[END] -= 2
    memory = model.encode(torch.tensor([[4, 5, 4]]), torch.tensor([3]))
    longest = 5
    every = {
        (*symbols, END): log_probability(model, memory, (*symbols, END))
        for count in range(longest)
        for symbols in itertools.product((4, 5), repeat=count)
    }
    best = max(every, key=lambda symbols: every[symbols] / len(symbols) ** length_power)
    found = beam_search(model, memory, longest, width=100, length_power=length_power)
    assert found[0].symbols == best
    assert found[0].score == pytest.approx(every[best] / len(best) ** length_power)
    for hypothesis in found:
        assert hypothesis.log_probability == pytest.approx(every[hypothesis.symbols])


def test_a_longer_translation_wins_with_a_higher_length_power():
    models = [make(languages=TINY, seed=seed) for seed in range(8)]
    lengths = []
    for model in models:
        memory = model.encode(torch.tensor([[4, 5, 4]]), torch.tensor([3]))
        lengths.append(
            [
                len(beam_search(model, memory, 6, width=99, length_power=power)[0].symbols)
                for power in (0.0, 1.0)
            ]
        )
    assert all(short <= long for short, long in lengths)
    assert any(short < long for short, long in lengths)


def test_what_never_ends_is_cut():
    model = make(languages=TINY)
    with torch.no_grad():
        model.output.bias[END] = -1e9
    memory = model.encode(torch.tensor([[4]]), torch.tensor([1]))
    assert greedy_search(model, memory, 4).shape == (1, 4)
    assert len(beam_search(model, memory, 4, width=2)[0].symbols) == 4


@pytest.mark.parametrize("attention", [True, False])
def test_it_learns_and_keeps_the_best_epoch(attention):
    pairs = dated_lists(90, [1], seed=0)
    languages = Languages.of(pairs)
    data = encode_pairs(pairs, languages)
    torch.manual_seed(0)
    model = Translator(languages, 16, 32, attention=attention)
    train_translator(model, data, data, seed=0, epochs=40, batch_size=16, progress=False)
    for width in (1, 3):
        found = translate(model, pairs.sources, languages, width=width)
        right = sum(map(tuple.__eq__, found, pairs.targets))
        assert right >= 80
    found = translate(model, [pairs.sources[0] * 5], languages)  # longer than any seen
    assert len(found) == 1


def test_attention_weights_are_those_before_each_symbol():
    model = make()
    source, target = PAIRS.sources[2], PAIRS.targets[2]
    weights = attention_weights(model, source, target, LANGUAGES)
    assert weights.shape == (len(target), len(source))
    memory = read(model, source)
    first = model.decode(torch.tensor([[START]]), memory.last, memory)[2]
    assert torch.allclose(weights[:1], first[0])


def test_unknown_symbols():
    strict = Symbols([["a", "b", "b"]])
    rare = Symbols([["a", "b", "b"]], at_least=2)
    assert rare.encode(["a", "b", "c"]) == [UNKNOWN, 4, UNKNOWN]
    assert strict.decode([*strict.encode(["b", "a"]), END, 4]) == ("b", "a")
    with pytest.raises(ValueError, match="the sentence holds 'c', which is none of the 2 symbols"):
        strict.encode(["a", "c"])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Symbols([]), "no symbol occurs 1 times"),
        (lambda: Symbols([["a"]], at_least=2), "no symbol occurs 2 times"),
        (lambda: LANGUAGES.source.encode([]), "the sentence is empty"),
        (lambda: translate(make(), [], LANGUAGES), "there is no sentence"),
        (lambda: translate(make(), [()], LANGUAGES), "the sentence is empty"),
        (
            lambda: attention_weights(make(attention=False), ("2",), ("2",), LANGUAGES),
            "model has no attention",
        ),
        (
            lambda: beam_search(make(), make().encode(*BATCH[:2]), 5, width=2),
            "memory holds 12 sentences; expected one",
        ),
        (
            lambda: beam_search(
                make(), read(make(), PAIRS.sources[0]), 5, width=2, length_power=-1
            ),
            "length_power is -1; expected at least 0",
        ),
        (lambda: make().encode(torch.zeros(2, 3), torch.ones(2)), "expected symbol numbers"),
        (
            lambda: make().encode(torch.ones(2, 3).long(), torch.tensor([1])),
            r"lengths has shape \(1,\); expected \(2,\)",
        ),
        (
            lambda: make().encode(torch.ones(1, 3).long(), torch.tensor([4])),
            "lengths go from 4 to 4; expected 1 to 3",
        ),
        (
            lambda: make().encode(torch.full((1, 3), 999), torch.tensor([3])),
            "source holds numbers from 999 to 999; expected 0 to",
        ),
        (lambda: make("RNN"), "cell is 'RNN'; expected one of tanh, GRU, LSTM"),
    ],
)
def test_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_the_word_table_is_dices():
    pairs = Pairs([("a", "b"), ("a",), ("b", "c")], [("x", "y"), ("x",), ("y", "z")])
    table = WordTable(pairs).table
    assert table == {"a": "x", "b": "y", "c": "z"}
    assert WordTable(pairs).translate([("c", "unheard", "a")]) == [("z", "x")]


def test_the_nearest_sentence_is_the_one_with_most_in_common():
    pairs = Pairs([("i", "run", "."), ("i", "sleep", ".")], [("跑",), ("睡",)])
    nearest = NearestSentence(pairs)
    assert nearest.translate([("you", "sleep", "."), ("i", "run", ".")]) == [("睡",), ("跑",)]
