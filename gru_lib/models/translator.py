"""From one sequence to another: a recurrent encoder and decoder, with attention or without.

The decoder starts from the encoder's last state, as in Sutskever et al. (2014); Cho et al. (2014)
show it that state at every step, too. With attention it looks, after every step, at all states of
the encoder: the "general" score of Luong et al. (2015). Bahdanau et al. (2015) look before the
step instead, and let what they saw enter it.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

from gru_lib._checks import require_bool, require_dropout, require_positive_integer
from gru_lib.data.translation import Pairs
from gru_lib.models.cells import require_cell
from gru_lib.models.recipe import fit_one_cycle, rows_of_like_length
from gru_lib.training import History

#: Numbers of what is in no sentence: after the end, before the first symbol, the end, and unknown.
PADDING, START, END, UNKNOWN = range(4)

#: A recurrent layer's state: one tensor (1, batch, hidden_size), or an LSTM's two.
State = Tensor | tuple[Tensor, Tensor]


class Symbols:
    """A number for each symbol of a language, and back.

    Parameters
    ----------
    sentences : iterable of sequences of str
        Their symbols get numbers from 4 on, in alphabetical order: 0 to 3 are padding, start, end
        and unknown.
    at_least : int, optional
        Symbols that occur less often are unknown, and so is any symbol met later. Without it,
        every symbol of ``sentences`` has a number, and any other is an error.

    Raises
    ------
    ValueError
        If no symbol is left.

    Examples
    --------
    >>> from gru_lib.models import Symbols
    >>> symbols = Symbols([["two", "grams"], ["two", "volts"]])
    >>> len(symbols), symbols.encode(["two", "volts"])
    (7, [5, 6])
    >>> symbols.decode([5, 6, 2, 4])
    ('two', 'volts')
    """

    def __init__(self, sentences: Iterable[Sequence[str]], *, at_least: int | None = None) -> None:
        counts = Counter(symbol for sentence in sentences for symbol in sentence)
        fewest = 1 if at_least is None else require_positive_integer("at_least", at_least)
        kept = sorted(symbol for symbol, count in counts.items() if count >= fewest)
        if not kept:
            raise ValueError(f"no symbol occurs {fewest} times in sentences; expected at least one")
        self._takes_unknown = at_least is not None
        self._names = ["", "<start>", "<end>", "<unknown>", *kept]
        self._numbers = {name: number for number, name in enumerate(self._names) if number >= 4}

    def __len__(self) -> int:
        return len(self._names)

    def encode(self, sentence: Sequence[str]) -> list[int]:
        """Numbers of the symbols of a sentence.

        Parameters
        ----------
        sentence : sequence of str
            At least one symbol.

        Returns
        -------
        list of int

        Raises
        ------
        ValueError
            If it is empty or, without ``at_least``, holds a symbol that has no number.
        """
        if len(sentence) == 0:
            raise ValueError("the sentence is empty; expected at least one symbol")
        strange = [symbol for symbol in sentence if symbol not in self._numbers]
        if strange and not self._takes_unknown:
            raise ValueError(
                f"the sentence holds {strange[0]!r}, which is none of the "
                f"{len(self) - 4} symbols that there are"
            )
        return [self._numbers.get(symbol, UNKNOWN) for symbol in sentence]

    def decode(self, numbers: Iterable[int]) -> tuple[str, ...]:
        """Symbols of the numbers before the first end.

        Parameters
        ----------
        numbers : iterable of int
            As a translator writes them.

        Returns
        -------
        tuple of str
        """
        names = []
        for number in numbers:
            if number == END:
                break
            names.append(self._names[number])
        return tuple(names)


class Languages(NamedTuple):
    """The symbols of both languages.

    Parameters
    ----------
    source, target : Symbols
        What is translated from, and to.

    Examples
    --------
    >>> from gru_lib.data.translation import Pairs
    >>> from gru_lib.models import Languages
    >>> languages = Languages.of(Pairs([("2", "grams")], [("2", "克")]))
    >>> len(languages.source), len(languages.target)
    (6, 6)
    """

    #: What is translated from.
    source: Symbols
    #: What is translated to.
    target: Symbols

    @classmethod
    def of(cls, pairs: Pairs, *, at_least: int | None = None) -> "Languages":
        """The symbols of a training set.

        Parameters
        ----------
        pairs : Pairs
            The training set.
        at_least : int, optional
            As :class:`Symbols` takes it.

        Returns
        -------
        Languages
        """
        return cls(*(Symbols(sentences, at_least=at_least) for sentences in pairs))


class EncodedPairs(NamedTuple):
    """Pairs as numbers, padded.

    Parameters
    ----------
    source : Tensor of int64, shape (batch, source_length)
        Symbols, and padding after the end.
    source_lengths : Tensor of int64, shape (batch,)
        How many are real.
    target : Tensor of int64, shape (batch, target_length)
        Start, the symbols, end, and padding.

    Examples
    --------
    >>> from gru_lib.data.translation import Pairs
    >>> from gru_lib.models import Languages, encode_pairs
    >>> pairs = Pairs([("2", "grams"), ("2",)], [("2", "克"), ("2",)])
    >>> encode_pairs(pairs, Languages.of(pairs)).target.tolist()
    [[1, 4, 5, 2], [1, 4, 2, 0]]
    """

    #: What is to be translated.
    source: Tensor
    #: Real symbols of each source.
    source_lengths: Tensor
    #: The translations, with start and end.
    target: Tensor


def encode_pairs(pairs: Pairs, languages: Languages) -> EncodedPairs:
    """Pairs as the translator reads them.

    Parameters
    ----------
    pairs : Pairs
        At least one.
    languages : Languages
        Gives each symbol its number.

    Returns
    -------
    EncodedPairs

    Raises
    ------
    ValueError
        If there is no pair, or a sentence is empty or holds a symbol without a number.

    Examples
    --------
    >>> from gru_lib.data.translation import Pairs
    >>> from gru_lib.models import Languages, encode_pairs
    >>> pairs = Pairs([("2", "grams"), ("2",)], [("2", "克"), ("2",)])
    >>> encode_pairs(pairs, Languages.of(pairs)).source.tolist()
    [[4, 5], [4, 0]]
    """
    source, lengths = _pad(pairs.sources, languages.source)
    targets = [[START, *languages.target.encode(target), END] for target in pairs.targets]
    return EncodedPairs(source, lengths, pad_sequence(list(map(torch.tensor, targets)), True))


class Memory(NamedTuple):
    """What the encoder leaves to the decoder.

    Parameters
    ----------
    states : Tensor, shape (batch, source_length, hidden_size)
        Its state after every symbol.
    real : Tensor of bool, shape (batch, source_length)
        False for padding.
    last : Tensor, shape (1, batch, hidden_size), or two of them
        Its last state; an LSTM's has two parts.

    Examples
    --------
    >>> from gru_lib.models import Memory
    >>> import torch
    >>> Memory(torch.zeros(2, 7, 4), torch.ones(2, 7, dtype=bool), torch.zeros(1, 2, 4)).last.shape
    torch.Size([1, 2, 4])
    """

    #: After every symbol.
    states: Tensor
    #: Not padding.
    real: Tensor
    #: After the last symbol.
    last: State


class Attention(nn.Module):
    """How much each state of the encoder counts for each state of the decoder.

    Parameters
    ----------
    hidden_size : int
        Entries of a state.

    Notes
    -----
    The "general" score of Luong et al. (2015): a query times a matrix times a state.

    Examples
    --------
    >>> from gru_lib.models import Attention, Memory
    >>> import torch
    >>> real = torch.tensor([[True, True, False]])
    >>> memory = Memory(torch.ones(1, 3, 4), real, torch.ones(1, 1, 4))
    >>> Attention(4)(torch.ones(1, 1, 4), memory).tolist()
    [[[0.5, 0.5, 0.0]]]
    """

    def __init__(self, hidden_size: int) -> None:
        super().__init__()
        self.score = nn.Linear(hidden_size, hidden_size, bias=False)

    def forward(self, queries: Tensor, memory: Memory) -> Tensor:
        """Weights, shape (batch, target_length, source_length), for queries of shape (batch,
        target_length, hidden_size); each row sums to 1, and padding has weight 0."""
        scores = queries @ self.score(memory.states).transpose(1, 2)
        return scores.masked_fill(~memory.real[:, None, :], -torch.inf).softmax(dim=2)


class Translator(nn.Module):
    """An encoder that reads a sentence, and a decoder that writes one.

    Parameters
    ----------
    languages : Languages
        Only their sizes are used.
    embedding_size : int
        Entries of a symbol's vector.
    hidden_size : int
        Entries of the state of encoder and decoder.
    cell : str, default "GRU"
        ``"tanh"``, ``"GRU"`` or ``"LSTM"``.
    attention : bool, default True
        Whether the decoder sees all states of the encoder, or starts from the last and sees no
        other.
    reverse_source : bool, default False
        Whether the encoder reads from the last symbol to the first; attention weights then come
        in that order.
    dropout : float in [0, 1), default 0.0
        Share of the embeddings, and of what a symbol is chosen from, that is dropped in training.

    Raises
    ------
    TypeError, ValueError
        If an argument is not allowed; in a call, if the input does not fit.

    Examples
    --------
    >>> from gru_lib.data.translation import dated_lists
    >>> from gru_lib.models import Languages, Translator, encode_pairs
    >>> pairs = dated_lists(5, [2], seed=0)
    >>> languages = Languages.of(pairs)
    >>> batch = encode_pairs(pairs, languages)
    >>> logits = Translator(languages, 8, 16)(*batch)
    >>> logits.shape == (5, batch.target.shape[1], len(languages.target))
    True
    """

    def __init__(
        self,
        languages: Languages,
        embedding_size: int,
        hidden_size: int,
        *,
        cell: str = "GRU",
        attention: bool = True,
        reverse_source: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        embedding_size = require_positive_integer("embedding_size", embedding_size)
        hidden_size = require_positive_integer("hidden_size", hidden_size)
        self.reverse_source = require_bool("reverse_source", reverse_source)
        source_count, target_count = map(len, languages)
        self.source_embedding = nn.Embedding(source_count, embedding_size)
        self.target_embedding = nn.Embedding(target_count, embedding_size)
        layer = require_cell(cell)
        self.encoder = layer(embedding_size, hidden_size, batch_first=True)
        self.decoder = layer(embedding_size, hidden_size, batch_first=True)
        self.attention = Attention(hidden_size) if require_bool("attention", attention) else None
        self.combine = nn.Linear((2 if attention else 1) * hidden_size, hidden_size)
        self.output = nn.Linear(hidden_size, target_count)
        self.dropout = nn.Dropout(require_dropout(dropout))

    def encode(self, source: Tensor, lengths: Tensor) -> Memory:
        """Read sources, shape (batch, source_length), of these lengths, shape (batch,)."""
        _require_source(source, lengths, self.source_embedding.num_embeddings)
        if self.reverse_source:
            places = lengths[:, None] - 1 - torch.arange(source.shape[1])
            source = source.gather(1, places.clamp(min=0).to(source.device))
        packed = pack_padded_sequence(
            self.dropout(self.source_embedding(source)),
            lengths.cpu(),
            batch_first=True,
            enforce_sorted=False,
        )
        states, last = self.encoder(packed)
        states, _ = pad_packed_sequence(states, batch_first=True)
        places = torch.arange(states.shape[1], device=states.device)
        return Memory(states, places < lengths.to(states.device)[:, None], last)

    def decode(
        self, symbols: Tensor, state: State, memory: Memory
    ) -> tuple[Tensor, State, Tensor | None]:
        """Continue from a state over symbols, shape (batch, steps): logits of what follows each,
        the state after the last, and the attention weights (None without attention)."""
        states, state = self.decoder(self.dropout(self.target_embedding(symbols)), state)
        seen, weights = states, None
        if self.attention is not None:
            weights = self.attention(states, memory)  # (batch, steps, source_length)
            seen = torch.cat([states, weights @ memory.states], dim=2)
        logits = self.output(self.dropout(torch.tanh(self.combine(seen))))
        return logits, state, weights

    def forward(self, source: Tensor, source_lengths: Tensor, target: Tensor) -> Tensor:
        """Logits of what follows each target symbol, (batch, target_length, target symbols)."""
        memory = self.encode(source, source_lengths)
        return self.decode(target, memory.last, memory)[0]


def translation_loss(model: nn.Module, batch: EncodedPairs) -> tuple[Tensor, int]:
    """Mean cross-entropy of a target symbol, given the source and all symbols before it.

    Parameters
    ----------
    model : Translator
        What is trained.
    batch : EncodedPairs
        Pairs.

    Returns
    -------
    tuple of Tensor and int
        The mean in nats, and over how many symbols (ends included, padding not).

    Examples
    --------
    >>> from gru_lib.data.translation import Pairs
    >>> from gru_lib.models import Languages, Translator, encode_pairs, translation_loss
    >>> pairs = Pairs([("2", "grams"), ("2",)], [("2", "克"), ("2",)])
    >>> languages = Languages.of(pairs)
    >>> loss, count = translation_loss(Translator(languages, 4, 4), encode_pairs(pairs, languages))
    >>> count
    5
    """
    source, lengths, target = batch
    # the decoder reads all but the last symbol, and is asked for all but the first
    logits = model(source, lengths, target[:, :-1])
    wanted = target[:, 1:]
    loss = cross_entropy(logits.flatten(0, 1), wanted.flatten(), ignore_index=PADDING)
    return loss, int((wanted != PADDING).sum())


def train_translator(
    model: Translator,
    train: EncodedPairs,
    valid: EncodedPairs,
    *,
    seed: int,
    epochs: int,
    learning_rate: float = 1e-2,
    batch_size: int = 64,
    device: str | torch.device = "cpu",
    progress: bool = True,
) -> History:
    """Train a translator and keep the weights of the epoch with the lowest validation loss.

    Adam with a learning rate that rises to its maximum and falls to almost zero (one cycle),
    gradients of norm at most 1, targets of like length in a batch, batches in a new order each
    epoch.

    Parameters
    ----------
    model : Translator
        Trained in place.
    train, valid : EncodedPairs
        What to learn from, and what to choose the epoch by.
    seed : int
        Decides the order of batches and what is dropped.
    epochs, learning_rate, batch_size
        Of the recipe.
    device : str or torch.device
        As ``choose_device`` takes it.
    progress : bool
        Show a progress bar, on a terminal and in a notebook.

    Returns
    -------
    History

    Raises
    ------
    TypeError, ValueError
        If ``batch_size`` is no whole number of at least 1, or ``fit`` refuses an argument.

    Examples
    --------
    >>> from gru_lib.data.translation import dated_lists
    >>> from gru_lib.models import Languages, Translator, encode_pairs, train_translator
    >>> pairs = dated_lists(64, [1], seed=0)
    >>> languages = Languages.of(pairs)
    >>> data, model = encode_pairs(pairs, languages), Translator(languages, 8, 8)
    >>> history = train_translator(model, data, data, seed=0, epochs=3, progress=False)
    >>> history.valid_loss[-1] < history.valid_loss[0]
    True
    """
    target_lengths = (train.target != PADDING).sum(dim=1)
    count = -(-len(train.source) // require_positive_integer("batch_size", batch_size))

    def batches(epoch: int) -> list[EncodedPairs]:
        return [_rows(train, some) for some in rows_of_like_length(target_lengths, batch_size)]

    return fit_one_cycle(
        model,
        translation_loss,
        batches,
        batches_an_epoch=count,
        valid_batches=[_rows(valid, rows) for rows in torch.arange(len(valid.source)).split(256)],
        epochs=epochs,
        learning_rate=learning_rate,
        seed=seed,
        device=device,
        progress=progress,
    )


@torch.no_grad()
def greedy_search(model: Translator, memory: Memory, longest: int) -> Tensor:
    """Write the most probable symbol again and again, until the end.

    Parameters
    ----------
    model : Translator
        In evaluation mode.
    memory : Memory
        What it has read.
    longest : int
        So many symbols at most, the end included.

    Returns
    -------
    Tensor of int64, shape (batch, at most longest)
        After an end, anything may stand.

    Raises
    ------
    TypeError, ValueError
        If ``longest`` is no whole number of at least 1.

    Examples
    --------
    >>> from gru_lib.data.translation import Pairs
    >>> from gru_lib.models import Languages, Translator, encode_pairs, greedy_search
    >>> pairs = Pairs([("2", "grams")], [("2", "克")])
    >>> languages = Languages.of(pairs)
    >>> model = Translator(languages, 4, 4).eval()
    >>> memory = model.encode(*encode_pairs(pairs, languages)[:2])
    >>> greedy_search(model, memory, longest=3).shape[0]
    1
    """
    longest = require_positive_integer("longest", longest)
    state = memory.last
    symbol = memory.real.new_full((len(memory.real), 1), START, dtype=torch.int64)
    ended = torch.zeros_like(symbol, dtype=torch.bool)
    written = []
    while len(written) < longest and not ended.all():
        logits, state, _ = model.decode(symbol, state, memory)
        symbol = _log_probabilities(logits).argmax(dim=2)
        ended |= symbol == END
        written.append(symbol)
    return torch.cat(written, dim=1)


class Hypothesis(NamedTuple):
    """A translation that beam search found.

    Parameters
    ----------
    symbols : tuple of int
        What was written; the last is the end, unless the longest allowed was reached before it.
    log_probability : float
        Of these symbols, given the source.
    score : float
        The log-probability divided by a power of the length.

    Examples
    --------
    >>> from gru_lib.models import Hypothesis
    >>> Hypothesis((7, 2), -3.0, -1.5).score
    -1.5
    """

    #: Numbers of what was written.
    symbols: tuple[int, ...]
    #: Given the source.
    log_probability: float
    #: By which hypotheses are compared.
    score: float


@torch.no_grad()
def beam_search(
    model: Translator, memory: Memory, longest: int, *, width: int, length_power: float = 1.0
) -> list[Hypothesis]:
    """Keep the ``width`` most probable beginnings, and extend them all.

    Parameters
    ----------
    model : Translator
        In evaluation mode.
    memory : Memory
        What it has read: one sentence.
    longest : int
        So many symbols at most, the end included.
    width : int
        Beginnings that are kept; 1 is greedy search.
    length_power : float, default 1.0
        A log-probability is divided by the length to this power before it is compared. With 0 the
        most probable translation wins, and short ones have an advantage; with 1 it is the mean
        over the symbols.

    Returns
    -------
    list of Hypothesis
        Those that ended, the best first; if none did, those that grew as long as is allowed.

    Raises
    ------
    ValueError
        If ``memory`` holds several sentences or ``length_power`` is negative.

    Examples
    --------
    >>> from gru_lib.data.translation import Pairs
    >>> from gru_lib.models import Languages, Translator, beam_search, encode_pairs
    >>> pairs = Pairs([("2", "grams")], [("2", "克")])
    >>> languages = Languages.of(pairs)
    >>> model = Translator(languages, 4, 4).eval()
    >>> memory = model.encode(*encode_pairs(pairs, languages)[:2])
    >>> best, *others = beam_search(model, memory, longest=3, width=9)
    >>> all(best.score >= other.score for other in others)
    True
    """
    longest = require_positive_integer("longest", longest)
    width = require_positive_integer("width", width)
    if len(memory.real) != 1:
        raise ValueError(f"memory holds {len(memory.real)} sentences; expected one")
    if length_power < 0:
        raise ValueError(f"length_power is {length_power}; expected at least 0")
    live, state, ended = [((START,), 0.0)], memory.last, []
    while live and len(live[0][0]) <= longest:
        last = torch.tensor([[symbols[-1]] for symbols, _ in live], device=memory.real.device)
        logits, state, _ = model.decode(last, state, _repeat(memory, len(live)))
        sums = _log_probabilities(logits)[:, 0] + logits.new_tensor([[sum_] for _, sum_ in live])
        best = sums.flatten().topk(min(width, sums.numel()))
        grown, parents = [], []
        for sum_, place in zip(best.values.tolist(), best.indices.tolist(), strict=True):
            parent, symbol = divmod(place, sums.shape[1])
            beginning = (*live[parent][0], symbol)
            if sum_ == -torch.inf:
                continue
            if symbol == END:
                ended.append(_hypothesis(beginning, sum_, length_power))
            else:
                grown.append((beginning, sum_))
                parents.append(parent)
        live, state = grown, _rows_of_state(state, parents)
        # no log-probability grows: what is live can at best keep its own, over the longest length
        bound = max((sum_ / longest**length_power for _, sum_ in live), default=-torch.inf)
        if ended and max(hypothesis.score for hypothesis in ended) >= bound:
            break
    found = ended or [_hypothesis(symbols, sum_, length_power) for symbols, sum_ in live]
    return sorted(found, key=lambda hypothesis: -hypothesis.score)


@torch.no_grad()
def translate(
    model: Translator,
    sentences: Sequence[tuple[str, ...]],
    languages: Languages,
    *,
    width: int = 1,
    length_power: float = 1.0,
    longest: int | None = None,
) -> list[tuple[str, ...]]:
    """Translate sentences.

    Parameters
    ----------
    model : Translator
        It is put into evaluation mode.
    sentences : sequence of tuple of str
        At least one symbol each; they may be longer than any that was trained on.
    languages : Languages
        As in training.
    width : int, default 1
        With 1, greedy search on all sentences at once; above, beam search on each.
    length_power : float, default 1.0
        As :func:`beam_search` takes it.
    longest : int, optional
        Most symbols of a translation; twice those of the longest sentence, and ten more.

    Returns
    -------
    list of tuple of str

    Raises
    ------
    ValueError
        If there is no sentence, one is empty, or holds a symbol that has no number.

    Examples
    --------
    >>> from gru_lib.data.translation import Pairs
    >>> from gru_lib.models import Languages, Translator, translate
    >>> pairs = Pairs([("2", "grams")], [("2", "克")])
    >>> languages = Languages.of(pairs)
    >>> len(translate(Translator(languages, 4, 4), pairs.sources, languages))
    1
    """
    model.eval()
    device = next(model.parameters()).device
    source, lengths = _pad(sentences, languages.source)
    longest = 2 * int(lengths.max()) + 10 if longest is None else longest
    if require_positive_integer("width", width) == 1:
        written = greedy_search(model, model.encode(source.to(device), lengths), longest)
        return [languages.target.decode(row) for row in written.tolist()]
    translations = []
    for row, length in zip(source, lengths, strict=True):
        memory = model.encode(row[None, :length].to(device), length[None])
        best = beam_search(model, memory, longest, width=width, length_power=length_power)[0]
        translations.append(languages.target.decode(best.symbols))
    return translations


@torch.no_grad()
def attention_weights(
    model: Translator, source: tuple[str, ...], target: tuple[str, ...], languages: Languages
) -> Tensor:
    """Where a translator with attention looks when it is about to write each symbol.

    Parameters
    ----------
    model : Translator
        With attention; it is put into evaluation mode.
    source, target : tuple of str
        A sentence and a translation, its own or another's.
    languages : Languages
        As in training.

    Returns
    -------
    Tensor, shape (target symbols, source symbols)
        Rows sum to 1.

    Raises
    ------
    ValueError
        If the model has no attention, or a sentence is empty or holds a symbol without a number.

    Examples
    --------
    >>> from gru_lib.data.translation import Pairs
    >>> from gru_lib.models import Languages, Translator, attention_weights
    >>> pairs = Pairs([("2", "grams")], [("2", "克")])
    >>> languages = Languages.of(pairs)
    >>> model = Translator(languages, 4, 4)
    >>> attention_weights(model, ("2", "grams"), ("2", "克"), languages).shape
    torch.Size([2, 2])
    """
    if model.attention is None:
        raise ValueError("model has no attention; expected a Translator with attention=True")
    model.eval()
    device = next(model.parameters()).device
    source, lengths, target = encode_pairs(Pairs([source], [target]), languages)
    memory = model.encode(source.to(device), lengths)
    return model.decode(target[:, :-2].to(device), memory.last, memory)[2][0].cpu()


def _pad(sentences: Sequence[tuple[str, ...]], symbols: Symbols) -> tuple[Tensor, Tensor]:
    if len(sentences) == 0:
        raise ValueError("there is no sentence; expected at least one")
    numbers = [torch.tensor(symbols.encode(sentence)) for sentence in sentences]
    return pad_sequence(numbers, batch_first=True), torch.tensor(list(map(len, numbers)))


def _rows(data: EncodedPairs, rows: Tensor) -> EncodedPairs:
    lengths, target = data.source_lengths[rows], data.target[rows]
    longest = int((target != PADDING).sum(dim=1).max())
    return EncodedPairs(data.source[rows, : int(lengths.max())], lengths, target[:, :longest])


def _require_source(source: Tensor, lengths: Tensor, symbols: int) -> None:
    if source.ndim != 2 or source.is_floating_point():
        raise ValueError(
            f"source has shape {tuple(source.shape)} and dtype {source.dtype}; "
            "expected symbol numbers of shape (batch, source_length)"
        )
    if lengths.shape != source.shape[:1]:
        raise ValueError(
            f"lengths has shape {tuple(lengths.shape)}; expected ({len(source)},), one a sentence"
        )
    if lengths.min() < 1 or lengths.max() > source.shape[1]:
        raise ValueError(
            f"lengths go from {lengths.min()} to {lengths.max()}; "
            f"expected 1 to {source.shape[1]}, the steps of source"
        )
    if source.min() < 0 or source.max() >= symbols:
        raise ValueError(
            f"source holds numbers from {source.min()} to {source.max()}; "
            f"expected 0 to {symbols - 1}"
        )


def _log_probabilities(logits: Tensor) -> Tensor:
    """Of all symbols, where those that no sentence holds are impossible."""
    never = logits.new_zeros(logits.shape[-1])
    never[[PADDING, START, UNKNOWN]] = -torch.inf
    return (logits + never).log_softmax(dim=-1)


def _hypothesis(symbols: tuple[int, ...], sum_: float, length_power: float) -> Hypothesis:
    written = symbols[1:]  # without the start
    return Hypothesis(written, sum_, sum_ / len(written) ** length_power)


def _repeat(memory: Memory, count: int) -> Memory:
    return Memory(memory.states.expand(count, -1, -1), memory.real.expand(count, -1), memory.last)


def _rows_of_state(state: State, rows: list[int]) -> State:
    if isinstance(state, tuple):
        return tuple(part[:, rows] for part in state)
    return state[:, rows]
