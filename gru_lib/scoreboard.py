"""One table for every application: models, baselines, rivals and a control, seed by seed.

A chapter shows its scoreboard as a table. The numbers are stored in the notebook as well, and the
page that gathers all applications reads them there, so that nobody types them.
"""

import html
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from statistics import mean
from typing import Any

#: Media type under which a notebook stores a scoreboard.
MEDIA_TYPE = "application/vnd.gru-lib.scoreboard+json"
#: What a row can be, in the order in which rows are shown.
KINDS = ("trivial", "non-recurrent", "recurrent rival", "GRU", "control")

_KEYS = ("task", "data", "metric", "better", "digits", "stored", "rows")
_ROW_KEYS = ("name", "kind", "scores", "parameters")
_TRAINED = ("recurrent rival", "GRU", "control")
_FEWEST_SEEDS = 3
_PLACES = ("behind", "level", "ahead")


@dataclass(frozen=True)
class Score:
    """One row of a scoreboard.

    Parameters
    ----------
    name : str
        What was measured.
    kind : str
        One of :data:`KINDS`.
    scores : tuple of float
        One for each seed; one in all for what does not depend on a seed.
    parameters : int, optional
        Numbers that were learned.

    Examples
    --------
    >>> from gru_lib.scoreboard import Score
    >>> Score("GRU", "GRU", (0.9, 0.8, 0.7)).mean
    0.8
    """

    #: In words.
    name: str
    #: One of the kinds.
    kind: str
    #: Seed by seed.
    scores: tuple[float, ...]
    #: Numbers that were learned.
    parameters: int | None = None

    @property
    def mean(self) -> float:
        """Over the seeds."""
        return round(mean(self.scores), 12)


class Scoreboard:
    """Who was measured on a task, and what follows.

    Parameters
    ----------
    task : str
        What is asked, in a few words.
    data : str
        On which data.
    metric : str
        What is measured.
    better : str
        ``"higher"`` or ``"lower"``.
    digits : int, default 3
        Decimals shown.
    stored : bool, default False
        Whether the scores are a stored result and not computed on the page.

    Raises
    ------
    TypeError
        If an argument is of another type.
    ValueError
        If ``better`` is something else, or ``task``, ``data`` or ``metric`` is empty or no line.

    Examples
    --------
    >>> from gru_lib.scoreboard import Scoreboard
    >>> board = Scoreboard("parity", "random bits", "accuracy", "higher")
    >>> board.add("always 0", "trivial", [0.5])
    >>> board.add("window of 6", "non-recurrent", [0.52, 0.51, 0.5], 500)
    >>> board.add("LSTM", "recurrent rival", [1.0, 1.0, 1.0], 512)
    >>> board.add("GRU", "GRU", [1.0, 1.0, 0.99], 510)
    >>> board.add("GRU, bits shuffled", "control", [0.5, 0.51, 0.49], 510)
    >>> board.verdict()
    'GRU ahead of every baseline, level with LSTM; the control fails'
    """

    def __init__(
        self,
        task: str,
        data: str,
        metric: str,
        better: str,
        *,
        digits: int = 3,
        stored: bool = False,
    ) -> None:
        if better not in ("higher", "lower"):
            raise ValueError(f"better is {better!r}; expected 'higher' or 'lower'")
        self.task = _require_line("task", task)
        self.data = _require_line("data", data)
        self.metric = _require_line("metric", metric)
        self.better = better
        self.digits = _require_count("digits", digits)
        if not isinstance(stored, bool):
            raise TypeError(f"stored is {stored!r}; expected True or False")
        self.stored = stored
        self.rows: list[Score] = []

    def add(
        self, name: str, kind: str, scores: Sequence[float], parameters: int | None = None
    ) -> None:
        """Add a row.

        Parameters
        ----------
        name : str
            What was measured; no two rows share a name.
        kind : str
            One of :data:`KINDS`.
        scores : sequence of float
            One for each seed: at least three for what is recurrent.
        parameters : int, optional
            Numbers that were learned.

        Raises
        ------
        TypeError
            If an argument is of another type.
        ValueError
            If the name is taken, the kind unknown, a score is NaN or infinite, or there are too
            few scores.
        """
        _require_line("name", name)
        if kind not in KINDS:
            raise ValueError(f"kind is {kind!r}; expected one of {', '.join(map(repr, KINDS))}")
        if name in {row.name for row in self.rows}:
            raise ValueError(f"there is a row {name!r} already")
        scores = _require_scores(name, scores)
        fewest = _FEWEST_SEEDS if kind in _TRAINED else 1
        if len(scores) < fewest:
            raise ValueError(
                f"{name!r} has {len(scores)} score{'' if len(scores) == 1 else 's'}; "
                f"a row of the kind {kind!r} needs {fewest}, one a seed"
            )
        if parameters is not None:
            parameters = _require_count("parameters", parameters)
        self.rows.append(Score(name, kind, scores, parameters))

    def best(self, *kinds: str) -> Score:
        """The row with the best mean among those of some kinds.

        Parameters
        ----------
        *kinds : str
            Of :data:`KINDS`.

        Returns
        -------
        Score

        Raises
        ------
        ValueError
            If there is no such row.
        """
        rows = [row for row in self.rows if row.kind in kinds]
        if not rows:
            raise ValueError(f"there is no row of the kind {' or '.join(map(repr, kinds))}")
        return (max if self.better == "higher" else min)(rows, key=lambda row: row.mean)

    def compare(self, one: Score, other: Score) -> str:
        """``"ahead"`` or ``"behind"`` if every seed of one is so, else ``"level"``.

        Parameters
        ----------
        one, other : Score
            Two rows.

        Returns
        -------
        str
            Where ``one`` stands, seen from ``other``.
        """
        sign = 1 if self.better == "higher" else -1
        first = [sign * score for score in one.scores]
        second = [sign * score for score in other.scores]
        if min(first) > max(second):
            return "ahead"
        return "behind" if max(first) < min(second) else "level"

    def against(self, *kinds: str) -> tuple[str, Score]:
        """Where the best GRU stands among the rows of some kinds.

        Parameters
        ----------
        *kinds : str
            Of :data:`KINDS`.

        Returns
        -------
        place : str
            As :meth:`compare` gives it, against the row that is hardest to beat.
        row : Score
            That row: one that the GRU is behind, or else one that it is level with, or else one
            that it is ahead of; among several the one with the best mean.

        Raises
        ------
        ValueError
            If there is no GRU or no such row.
        """
        gru = self.best("GRU")
        self.best(*kinds)
        rows = [row for row in self.rows if row.kind in kinds]
        places = [_PLACES.index(self.compare(gru, row)) for row in rows]
        sign = 1 if self.better == "higher" else -1
        hardest = min(range(len(rows)), key=lambda i: (places[i], -sign * rows[i].mean))
        return _PLACES[places[hardest]], rows[hardest]

    def missing_kinds(self) -> list[str]:
        """Kinds that have no row yet; a verdict needs one of each.

        Returns
        -------
        list of str
        """
        return [kind for kind in KINDS if kind not in {row.kind for row in self.rows}]

    def verdict(self) -> str:
        """What follows, in one line.

        Returns
        -------
        str
            The best GRU against the baselines and against the recurrent rivals, and whether every
            control is worse than it; one that is not is named. "Ahead" and "behind" take all
            seeds; what is named is the baseline and the rival that are hardest to beat.

        Raises
        ------
        ValueError
            If there is no GRU, no baseline of either kind, no rival or no control.
        """
        missing = self.missing_kinds()
        if missing:
            raise ValueError(f"there is no row of the kind {', '.join(map(repr, missing))}")
        place, baseline = self.against("trivial", "non-recurrent")
        whom = "every baseline" if place == "ahead" else baseline.name
        beside, rival = self.against("recurrent rival")
        gru = self.best("GRU")
        unfailing = [
            row.name
            for row in self.rows
            if row.kind == "control" and self.compare(gru, row) != "ahead"
        ]
        failing = f"NOT FAILING: {', '.join(unfailing)}" if unfailing else "the control fails"
        return f"{gru.name} {_place(place)} {whom}, {_place(beside)} {rival.name}; {failing}"

    def to_dict(self) -> dict[str, Any]:
        """The scoreboard as a notebook stores it.

        Returns
        -------
        dict
        """
        return {
            "task": self.task,
            "data": self.data,
            "metric": self.metric,
            "better": self.better,
            "digits": self.digits,
            "stored": self.stored,
            "rows": [
                {
                    "name": row.name,
                    "kind": row.kind,
                    "scores": list(row.scores),
                    "parameters": row.parameters,
                }
                for row in self.rows
            ],
        }

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> "Scoreboard":
        """A scoreboard from what a notebook stored.

        Parameters
        ----------
        stored : dict
            As :meth:`to_dict` gives it.

        Returns
        -------
        Scoreboard

        Raises
        ------
        TypeError, ValueError
            If it is something else: as the constructor and :meth:`add` say it.
        """
        _require_keys("stored", stored, _KEYS)
        board = cls(
            stored["task"],
            stored["data"],
            stored["metric"],
            stored["better"],
            digits=stored["digits"],
            stored=stored["stored"],
        )
        for row in stored["rows"]:
            _require_keys("row", row, _ROW_KEYS)
            board.add(row["name"], row["kind"], row["scores"], row["parameters"])
        return board

    def show_score(self, row: Score) -> str:
        """The mean of a row, and its seeds from worst to best.

        Parameters
        ----------
        row : Score
            A row.

        Returns
        -------
        str
        """
        if len(row.scores) == 1:
            return f"{row.mean:.{self.digits}f}"
        ends = sorted(row.scores, reverse=self.better == "lower")
        span = " to ".join(f"{end:.{self.digits}f}" for end in (ends[0], ends[-1]))
        return f"{row.mean:.{self.digits}f} ({span})"

    def _lines(self) -> list[tuple[str, str, str, str]]:
        ordered = sorted(self.rows, key=lambda row: KINDS.index(row.kind))
        return [
            (
                row.name,
                row.kind,
                "" if row.parameters is None else f"{row.parameters:,}",
                self.show_score(row),
            )
            for row in ordered
        ]

    def _heading(self) -> tuple[str, str, str, str]:
        counts = {len(row.scores) for row in self.rows if len(row.scores) > 1}
        seeds = " to ".join(map(str, sorted({min(counts), max(counts)}))) if counts else ""
        said = f"{self.metric}, {self.better} is better"
        return "", "", "parameters", f"{said} ({seeds} seeds)" if seeds else said

    def _verdict_or_what_is_missing(self) -> str:
        missing = self.missing_kinds()
        return f"no verdict without {', '.join(missing)}" if missing else self.verdict()

    def __repr__(self) -> str:
        lines = [self._heading(), *self._lines()]
        widths = [max(len(line[column]) for line in lines) for column in range(3)]
        table = [
            f"{a:{widths[0]}}  {b:{widths[1]}}  {c:>{widths[2]}}  {d}".rstrip()
            for a, b, c, d in lines
        ]
        return "\n".join([f"{self.task}, {self.data}", *table, self._verdict_or_what_is_missing()])

    def _repr_html_(self) -> str:
        def row(cells: Sequence[str], tag: str) -> str:
            styles = ("left", "left", "right", "left")
            return "".join(
                f'<{tag} style="text-align:{style}">{html.escape(cell)}</{tag}>'
                for cell, style in zip(cells, styles, strict=True)
            )

        body = "".join(f"<tr>{row(line, 'td')}</tr>" for line in self._lines())
        title = html.escape(f"{self.task}, {self.data}. {self._verdict_or_what_is_missing()}.")
        return (
            f'<table class="scoreboard"><caption>{title}</caption>'
            f"<thead><tr>{row(self._heading(), 'th')}</tr></thead><tbody>{body}</tbody></table>"
        )

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, Any]:
        return {
            "text/plain": repr(self),
            "text/html": self._repr_html_(),
            MEDIA_TYPE: self.to_dict(),
        }


def _place(comparison: str) -> str:
    return {"ahead": "ahead of", "behind": "behind", "level": "level with"}[comparison]


def _require_line(name: str, text: str) -> str:
    if not isinstance(text, str):
        raise TypeError(f"{name} is {text!r}; expected a string")
    if not text.strip() or len(text.splitlines()) > 1:
        raise ValueError(f"{name} is {text!r}; expected words in one line")
    return text


def _require_count(name: str, value: int) -> int:
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{name} is {value!r}; expected a whole number, at least 0")
    if value < 0:
        raise ValueError(f"{name} is {value}; expected at least 0")
    return int(value)


def _require_scores(name: str, scores: Sequence[float]) -> tuple[float, ...]:
    """The scores as floats, or an error that names the one that is none."""
    if isinstance(scores, str | dict) or not isinstance(scores, Iterable):
        raise TypeError(f"the scores of {name!r} are {scores!r}; expected a list of numbers")
    scores = list(scores)
    for seed, score in enumerate(scores):
        if isinstance(score, bool) or not isinstance(score, Real):
            raise TypeError(f"score {seed} of {name!r} is {score!r}; expected a number")
        if not math.isfinite(score):
            raise ValueError(f"score {seed} of {name!r} is {score}; expected a finite number")
    return tuple(float(score) for score in scores)


def _require_keys(name: str, given: dict[str, Any], expected: Sequence[str]) -> None:
    if not isinstance(given, dict):
        raise TypeError(f"{name} is {given!r}; expected a dict")
    if sorted(given) != sorted(expected):
        raise ValueError(f"{name} has the keys {sorted(given)}; expected {sorted(expected)}")
