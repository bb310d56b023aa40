"""One table for every application: models, baselines, rivals and a control, seed by seed.

A chapter shows its scoreboard as a table. The numbers are stored in the notebook as well, and the
page that gathers all applications reads them there, so that nobody types them.
"""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Any

#: Media type under which a notebook stores a scoreboard.
MEDIA_TYPE = "application/vnd.gru-lib.scoreboard+json"
#: What a row can be, in the order in which rows are shown.
KINDS = ("trivial", "non-recurrent", "recurrent rival", "GRU", "control")

_TRAINED = ("recurrent rival", "GRU", "control")
_FEWEST_SEEDS = 3


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
    ValueError
        If ``better`` is something else.

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
        self.task = task
        self.data = data
        self.metric = metric
        self.better = better
        self.digits = digits
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
        ValueError
            If the name is taken, the kind unknown, or there are too few scores.
        """
        if kind not in KINDS:
            raise ValueError(f"kind is {kind!r}; expected one of {', '.join(map(repr, KINDS))}")
        if name in {row.name for row in self.rows}:
            raise ValueError(f"there is a row {name!r} already")
        fewest = _FEWEST_SEEDS if kind in _TRAINED else 1
        if len(scores) < fewest:
            raise ValueError(
                f"{name!r} has {len(scores)} scores; a row of the kind {kind!r} needs {fewest}"
            )
        self.rows.append(Score(name, kind, tuple(float(score) for score in scores), parameters))

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

    def verdict(self) -> str:
        """What follows, in one line.

        Returns
        -------
        str
            The best GRU against the best baseline and the best recurrent rival, and whether
            every control is worse than it. "Ahead" and "behind" take all seeds.

        Raises
        ------
        ValueError
            If there is no GRU, no baseline of either kind, no rival or no control.
        """
        gru = self.best("GRU")
        self.best("trivial")  # a table without a dull baseline has no verdict
        baseline = self.best("trivial", "non-recurrent")
        self.best("non-recurrent")
        rival = self.best("recurrent rival")
        place = self.compare(gru, baseline)
        whom = "every baseline" if place == "ahead" else baseline.name
        controls = [row for row in self.rows if row.kind == "control"]
        self.best("control")
        failed = all(self.compare(gru, control) == "ahead" for control in controls)
        return (
            f"{gru.name} {_place(place)} {whom}, {_place(self.compare(gru, rival))} {rival.name}; "
            f"{'the control fails' if failed else 'THE CONTROL DOES NOT FAIL'}"
        )

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
        """
        board = cls(
            stored["task"],
            stored["data"],
            stored["metric"],
            stored["better"],
            digits=stored["digits"],
            stored=stored["stored"],
        )
        for row in stored["rows"]:
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
        seeds = max(len(row.scores) for row in self.rows)
        return "", "", "parameters", f"{self.metric}, {self.better} is better ({seeds} seeds)"

    def __repr__(self) -> str:
        lines = [self._heading(), *self._lines()]
        widths = [max(len(line[column]) for line in lines) for column in range(3)]
        table = [
            f"{a:{widths[0]}}  {b:{widths[1]}}  {c:>{widths[2]}}  {d}".rstrip()
            for a, b, c, d in lines
        ]
        return "\n".join([f"{self.task}, {self.data}", *table, self.verdict()])

    def _repr_html_(self) -> str:
        def row(cells: Sequence[str], tag: str) -> str:
            styles = ("left", "left", "right", "left")
            return "".join(
                f'<{tag} style="text-align:{style}">{html.escape(cell)}</{tag}>'
                for cell, style in zip(cells, styles, strict=True)
            )

        body = "".join(f"<tr>{row(line, 'td')}</tr>" for line in self._lines())
        title = html.escape(f"{self.task}, {self.data}. {self.verdict()}.")
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
