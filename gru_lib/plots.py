"""The figures that recur, in one style.

Every ``plot_...`` function draws on the Axes that it is given, or on a new figure, and returns the
Axes, so that you can go on drawing. Words in a figure are few and all of them are arguments: what
there is to see belongs into the caption.
"""

from collections.abc import Mapping, Sequence

import matplotlib as mpl
import numpy as np
from cycler import cycler
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.collections import PathCollection
from matplotlib.colors import Colormap, LinearSegmentedColormap, Normalize
from matplotlib.image import AxesImage
from matplotlib.path import Path
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from gru_lib._plot_checks import (
    require_counts,
    require_curves,
    require_finite,
    require_gates,
    require_labels,
    require_numbers,
    require_place,
    require_places,
    require_shares,
)

#: Okabe and Ito's colours, those of them that stay readable on white and, inverted, on black.
COLORS = {
    "blue": "#0072B2",
    "orange": "#D55E00",
    "green": "#009E73",
    "purple": "#AA4499",
    "grey": "#6B6B6B",
}
#: One dash for each colour, so that lines differ in a grey printout, too.
LINE_STYLES = ("-", "--", "-.", ":", (0, (1, 1)))

# White is nothing, so that in the dark, where figures are inverted, black is nothing. 41 shades
# are more than an eye tells apart, and few enough for a colour bar that is no embedded image.
_SHADES = 41
_SEQUENTIAL = LinearSegmentedColormap.from_list(
    "book_blues", ["#FFFFFF", COLORS["blue"], "#00344F"], N=_SHADES
)
_DIVERGING = LinearSegmentedColormap.from_list(
    "book_orange_blue", [COLORS["orange"], "#FFFFFF", COLORS["blue"]], N=_SHADES
)
# pale enough for black numbers, which turn white in the dark
_BEHIND_NUMBERS = LinearSegmentedColormap.from_list(
    "book_pale_blues", ["#FFFFFF", "#59A3CD"], N=_SHADES
)
_MOST_CELLS_AS_SHAPES = 4000
_MOST_NUMBERED_CLASSES = 12


def use_book_style() -> None:
    """Set matplotlib to the book's style: quiet axes, colour-blind safe, crisp SVG.

    Lines differ in colour *and* in dash, so that a figure survives a grey printout. In a
    notebook, figures become SVG with fixed ids and no date: drawing the same figure twice gives
    the same text, which is how the book's tests see that a figure changed.

    Examples
    --------
    >>> import matplotlib as mpl
    >>> from gru_lib.plots import use_book_style
    >>> with mpl.rc_context():  # for this block only
    ...     use_book_style()
    ...     mpl.rcParams["figure.figsize"]
    [6.4, 3.2]
    """
    mpl.rcParams.update(
        {
            "figure.figsize": (6.4, 3.2),
            "figure.facecolor": "white",
            "figure.constrained_layout.use": True,
            "axes.prop_cycle": cycler(color=list(COLORS.values())) + cycler(linestyle=LINE_STYLES),
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "axes.axisbelow": True,
            "grid.color": "#E4E4E4",
            "grid.linewidth": 0.8,
            "font.size": 11,
            "legend.frameon": False,
            "lines.linewidth": 2,
            "svg.fonttype": "path",
            "svg.hashsalt": "what-is-a-gru",
        }
    )
    _store_figures_as_svg()


def _store_figures_as_svg() -> None:
    try:
        from IPython import get_ipython
    except ImportError:  # plain Python: there is no notebook to store figures in
        return
    if get_ipython() is not None:
        from matplotlib_inline.backend_inline import set_matplotlib_formats

        set_matplotlib_formats("svg", metadata={"Date": None})


def plot_gates(
    reset: ArrayLike,
    update: ArrayLike,
    state: ArrayLike,
    *,
    axes: Sequence[Axes] | None = None,
    marks: Sequence[int] = (),
    step_labels: Sequence[str] | None = None,
    names: Sequence[str] = ("reset gate", "update gate", "hidden state"),
    x_label: str = "step",
    unit_label: str = "unit",
) -> np.ndarray:
    """Both gates and the hidden state over time, in three panels one above the other.

    One unit is drawn as lines. Several units are drawn as cells, a row each and the first on top:
    gates from white (0) to blue (1), the state from orange through white (0) to blue, to the same
    distance on both sides.

    Parameters
    ----------
    reset, update : array_like, shape (steps,) or (steps, hidden_size)
        The gates at every step, between 0 and 1.
    state : array_like, shape as ``reset``
        The hidden state after every step.
    axes : sequence of three matplotlib.axes.Axes, optional
        Where to draw; without it a new figure is made.
    marks : sequence of int
        Steps to point out in all panels, counted from 1.
    step_labels : sequence of str, optional
        What stands under the steps instead of their numbers, for example the characters read.
    names : sequence of three str
        Titles of the panels.
    x_label, unit_label : str
        Names of the axes.

    Returns
    -------
    np.ndarray of matplotlib.axes.Axes, shape (3,)
        The panels of the reset gate, the update gate and the state.

    Raises
    ------
    TypeError
        If an array does not hold real numbers, a mark is no whole number or ``axes`` are no Axes.
    ValueError
        If a shape does not fit, a gate leaves 0 to 1, a value is not finite, a mark is no step, or
        there are not three ``axes``, three ``names`` and as many ``step_labels`` as steps.

    Notes
    -----
    Up to 4000 cells a panel are stored as shapes, under 100 bytes each. More become an image inside
    the SVG, whose bytes may differ between operating systems.

    Examples
    --------
    >>> from gru_lib.plots import plot_gates
    >>> from matplotlib.figure import Figure
    >>> gate = [0.1, 0.9, 0.5]
    >>> panels = plot_gates(gate, gate, [0.0, 0.2, -0.1], axes=Figure().subplots(3))
    >>> [panel.get_title(loc="left") for panel in panels]
    ['reset gate', 'update gate', 'hidden state']
    >>> panels[0].lines[0].get_ydata().tolist()
    [0.1, 0.9, 0.5]
    """
    reset, update, state = require_gates(reset, update, state)
    steps = len(state)
    marks = require_places("marks", marks, steps, "steps")
    names = require_labels("names", names, 3, "panels")
    if step_labels is not None:
        step_labels = require_labels("step_labels", step_labels, steps, "steps")
    panels = _three_panels(axes, height=3.6 if state.ndim == 1 else 4.8)

    _draw_units(panels[0], reset, (0.0, 1.0), _SEQUENTIAL, unit_label)
    _draw_units(panels[1], update, (0.0, 1.0), _SEQUENTIAL, unit_label)
    limit = float(np.abs(state).max()) or 1.0
    _draw_units(panels[2], state, (-limit, limit), _DIVERGING, unit_label)
    for panel, name in zip(panels, names, strict=True):
        panel.set_title(name, loc="left")
        panel.set_xlim(0.5, steps + 0.5)
        for mark in marks:
            panel.axvline(mark, color="black", linestyle=":", linewidth=1.5)
    if step_labels is None:
        _whole_numbers(panels[2].xaxis)
    else:
        _label_ticks(panels[2].xaxis, step_labels)
    panels[2].set_xlabel(x_label)
    return panels


def plot_gradient_by_lag(
    norms: Mapping[str, ArrayLike],
    *,
    ax: Axes | None = None,
    x_label: str = "lag",
    y_label: str = "gradient norm",
) -> Axes:
    """Gradient norm against lag, on a logarithmic axis: how far back does learning reach?

    Where a norm is 0, because it fell below what floats can hold, or infinite, because it rose
    above, a logarithm has no place for it and the line has a gap.

    Parameters
    ----------
    norms : mapping of str to array_like of shape (lags,)
        For each line its label and the norm at lag 0, 1, 2, ..., none below 0. Lines may differ in
        length.
    ax : matplotlib.axes.Axes, optional
        Where to draw; without it a new figure is made.
    x_label, y_label : str
        Names of the axes.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    TypeError
        If ``norms`` is no mapping or holds something else than real numbers, or ``ax`` is no Axes.
    ValueError
        If ``norms`` or one of its arrays is empty, has another shape, or holds NaN or a number
        below 0.

    Examples
    --------
    >>> from gru_lib.plots import plot_gradient_by_lag
    >>> from matplotlib.figure import Figure
    >>> ax = plot_gradient_by_lag({"tanh": [1.0, 0.1, 0.0]}, ax=Figure().subplots())
    >>> ax.get_yscale(), ax.lines[0].get_ydata().tolist()
    ('log', [1.0, 0.1, nan])
    """
    curves = require_curves("norms", norms)
    for label, values in curves.items():
        if (values < 0).any():
            raise ValueError(f"norms[{label!r}] holds {values.min():g}; expected norms, 0 or more")
    ax = _one_axes(ax)
    ax.set_yscale("log")
    for number, (label, values) in enumerate(curves.items()):
        drawable = np.where((values > 0) & np.isfinite(values), values, np.nan)
        _draw_line(ax, np.arange(len(values)), drawable, number, label)
    _whole_numbers(ax.xaxis)
    ax.set(xlabel=x_label, ylabel=y_label)
    ax.legend()
    return ax


def plot_history(
    history: Mapping[str, ArrayLike],
    *,
    best_epoch: int | None = None,
    ax: Axes | None = None,
    x_label: str = "epoch",
    y_label: str = "loss",
) -> Axes:
    """What happened in training: one line a quantity, one point an epoch, counted from 1.

    Parameters
    ----------
    history : mapping of str to array_like of shape (epochs,)
        For each line its label and one value an epoch.
    best_epoch : int, optional
        The epoch, from 1, at which a vertical line is drawn.
    ax : matplotlib.axes.Axes, optional
        Where to draw; without it a new figure is made.
    x_label, y_label : str
        Names of the axes.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    TypeError
        If ``history`` is no mapping or holds something else than real numbers, ``best_epoch`` is no
        whole number, or ``ax`` is no Axes.
    ValueError
        If ``history`` or one of its lists is empty, lists differ in length, a value is not finite,
        or ``best_epoch`` is no epoch of the history.

    Examples
    --------
    >>> from gru_lib.plots import plot_history
    >>> from matplotlib.figure import Figure
    >>> losses = {"training": [0.9, 0.5, 0.3], "validation": [0.8, 0.6, 0.7]}
    >>> ax = plot_history(losses, best_epoch=2, ax=Figure().subplots())
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['training', 'validation']
    """
    curves = require_curves("history", history)
    lengths = {label: len(values) for label, values in curves.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"history has lists of different lengths, {lengths}; expected one length")
    for label, values in curves.items():
        require_finite(f"history[{label!r}]", values)
    epochs = np.arange(1, 1 + max(lengths.values()))
    if best_epoch is not None:
        best_epoch = require_place("best_epoch", best_epoch, len(epochs), "epochs")
    ax = _one_axes(ax)
    for number, (label, values) in enumerate(curves.items()):
        _draw_line(ax, epochs, values, number, label)
    if best_epoch is not None:
        ax.axvline(best_epoch, color="black", linestyle=":", linewidth=1.5)
    _whole_numbers(ax.xaxis)
    ax.set(xlabel=x_label, ylabel=y_label)
    ax.legend()
    return ax


def plot_attention(
    weights: ArrayLike,
    source_labels: Sequence[str],
    target_labels: Sequence[str],
    *,
    ax: Axes | None = None,
    x_label: str = "source",
    y_label: str = "target",
) -> Axes:
    """Attention weights: where a decoder looked (columns) when it wrote each word (rows).

    Parameters
    ----------
    weights : array_like, shape (target_length, source_length)
        Between 0 and 1; every row sums to 1.
    source_labels, target_labels : sequence of str
        One for each column, one for each row. A blank and a line break are made visible.
    ax : matplotlib.axes.Axes, optional
        Where to draw; without it a new figure is made, large enough for the labels.
    x_label, y_label : str
        Names of the axes.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    TypeError
        If ``weights`` does not hold real numbers, or ``ax`` is no Axes.
    ValueError
        If a shape or a number of labels does not fit, or a row is not a distribution: a weight
        outside 0 to 1, or a sum that differs from 1 by more than 0.01.

    Examples
    --------
    >>> from gru_lib.plots import plot_attention
    >>> from matplotlib.figure import Figure
    >>> weights = [[0.9, 0.1, 0.0], [0.0, 0.2, 0.8]]
    >>> ax = plot_attention(weights, ["a", "b", "c"], ["A", "B"], ax=Figure().subplots())
    >>> [label.get_text() for label in ax.get_xticklabels()]
    ['a', 'b', 'c']
    """
    weights = require_numbers("weights", weights, "(target_length, source_length)", (2,))
    require_shares("weights", weights)
    sums = weights.sum(axis=1)
    worst = int(np.abs(sums - 1).argmax())
    if abs(sums[worst] - 1) > 0.01:
        raise ValueError(
            f"weights has row {worst} with sum {sums[worst]:.4g}; expected rows (targets) that "
            "sum to 1 over the columns (sources); transposed?"
        )
    target_labels = require_labels("target_labels", target_labels, len(weights), "rows")
    source_labels = require_labels("source_labels", source_labels, weights.shape[1], "columns")
    size = (max(3.2, 2.2 + 0.3 * weights.shape[1]), max(2.4, 1.4 + 0.3 * len(weights)))
    ax = _one_axes(ax, size)
    _add_colour_bar(_draw_cells(ax, weights, (0.0, 1.0), _SEQUENTIAL))
    _label_ticks(ax.xaxis, source_labels)
    _label_ticks(ax.yaxis, target_labels)
    ax.set(xlabel=x_label, ylabel=y_label)
    return ax


def plot_confusion(
    counts: ArrayLike,
    labels: Sequence[str],
    *,
    normalise: str | None = None,
    ax: Axes | None = None,
    x_label: str = "predicted",
    y_label: str = "true",
) -> Axes:
    """Confusion matrix: how often each true class (rows) was taken for each class (columns).

    Up to twelve classes have a number in each cell; more have a colour bar.

    Parameters
    ----------
    counts : array_like of int, shape (classes, classes)
        ``counts[i, j]``: examples of class ``i`` that were taken for class ``j``.
    labels : sequence of str
        One for each class.
    normalise : {None, "true", "predicted"}
        What is drawn: the counts, their shares of each true class (rows sum to 1, the diagonal is
        the recall), or their shares of each predicted class (columns sum to 1, the diagonal is the
        precision). A class without examples has no shares: its cells stay empty.
    ax : matplotlib.axes.Axes, optional
        Where to draw; without it a new figure is made, large enough for the labels.
    x_label, y_label : str
        Names of the axes.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    TypeError
        If ``counts`` does not hold whole numbers, or ``ax`` is no Axes.
    ValueError
        If ``counts`` is not square, holds a number below 0 or zeros only, the number of labels
        does not fit, or ``normalise`` is something else.

    Examples
    --------
    >>> from gru_lib.plots import plot_confusion
    >>> from matplotlib.figure import Figure
    >>> ax = plot_confusion([[8, 2], [1, 9]], ["cat", "dog"], ax=Figure().subplots())
    >>> [text.get_text() for text in ax.texts]
    ['8', '2', '1', '9']
    """
    counts = require_counts(counts)
    labels = require_labels("labels", labels, len(counts), "classes")
    values = _shares(counts, normalise)
    numbered = len(labels) <= _MOST_NUMBERED_CLASSES
    side = max(3.2, 1.4 + (0.55 if numbered else 0.3) * len(labels))
    ax = _one_axes(ax, (side if numbered else side + 1.2, side))
    limits = (0.0, float(counts.max()) if normalise is None else 1.0)
    if numbered:
        _draw_cells(ax, values, limits, _BEHIND_NUMBERS)
        _write_numbers(ax, values, "d" if normalise is None else ".2f")
    else:
        _add_colour_bar(_draw_cells(ax, values, limits, _SEQUENTIAL))
    ax.set_aspect("equal")
    _label_ticks(ax.xaxis, labels)
    _label_ticks(ax.yaxis, labels)
    ax.set(xlabel=x_label, ylabel=y_label)
    return ax


def _one_axes(ax: Axes | None, size: tuple[float, float] | None = None) -> Axes:
    if ax is None:
        return plt.subplots(figsize=size, layout="constrained")[1]
    if not isinstance(ax, Axes):
        raise TypeError(f"ax is {type(ax).__name__}; expected matplotlib Axes")
    return ax


def _three_panels(axes: Sequence[Axes] | None, height: float) -> np.ndarray:
    if axes is None:
        size = (6.4, height)
        return plt.subplots(3, sharex=True, figsize=size, layout="constrained")[1]
    panels = np.ravel(axes)
    if not all(isinstance(panel, Axes) for panel in panels):
        raise TypeError(f"axes is {axes!r}; expected three matplotlib Axes")
    if len(panels) != 3:
        raise ValueError(f"axes holds {len(panels)} Axes; expected three")
    return panels


def _draw_units(
    ax: Axes, values: np.ndarray, limits: tuple[float, float], colours: Colormap, unit_label: str
) -> None:
    """One unit as a line, several as cells: columns are steps, rows are units."""
    if values.ndim == 1:
        _draw_line(ax, np.arange(1, len(values) + 1), values, 0)
        margin = 0.05 * (limits[1] - limits[0])
        ax.set_ylim(limits[0] - margin, limits[1] + margin)
        return
    _add_colour_bar(_draw_cells(ax, values.T, limits, colours))
    ax.set_ylabel(unit_label)
    _whole_numbers(ax.yaxis, at_most=4)


def _draw_line(
    ax: Axes, x: np.ndarray, y: np.ndarray, number: int, label: str | None = None
) -> None:
    """A line with gaps where y is NaN; a point without neighbours shows as a dot."""
    kinds = len(COLORS)
    colour = list(COLORS.values())[number % kinds]
    # after a round of colours the dashes move on: twenty-five looks in all
    dash = LINE_STYLES[(number + number // kinds) % kinds]
    ax.plot(x, y, color=colour, linestyle=dash, linewidth=2, label=label)
    gap = np.isnan(np.pad(y, 1, constant_values=np.nan))
    alone = ~gap[1:-1] & gap[:-2] & gap[2:]
    if alone.any():
        ax.plot(x[alone], y[alone], color=colour, linestyle="none", marker="o", markersize=4)


def _draw_cells(
    ax: Axes, values: np.ndarray, limits: tuple[float, float], colours: Colormap
) -> PathCollection | AxesImage:
    """Coloured cells around (column, row), both counted from 1, the first row on top.

    The cells of one shade are one shape, which takes half the bytes of ``pcolormesh`` in an SVG,
    and its thin outline closes the cracks that browsers leave between cells. An image would be
    smaller, but PNG files of the same cells differ between operating systems.
    """
    rows, columns = values.shape
    norm = Normalize(*limits)
    if values.size > _MOST_CELLS_AS_SHAPES:
        extent = (0.5, columns + 0.5, rows + 0.5, 0.5)
        cells = ax.imshow(
            values, cmap=colours, norm=norm, extent=extent, aspect="auto", interpolation="none"
        )
    else:
        shade = np.clip(np.floor(norm(values) * colours.N), 0, colours.N - 1)  # NaN stays NaN
        shades = np.unique(shade[np.isfinite(shade)])
        cells = PathCollection(
            [_outline(shade == one) for one in shades],
            array=norm.inverse((shades + 0.5) / colours.N),
            cmap=colours,
            norm=norm,
            edgecolors="face",
            linewidths=0.3,
        )
        ax.add_collection(cells, autolim=False)
    ax.set(xlim=(0.5, columns + 0.5), ylim=(rows + 0.5, 0.5))
    ax.grid(False)
    return cells


def _outline(chosen: np.ndarray) -> Path:
    """One path around the chosen cells; neighbours in a row become one rectangle."""
    beside = np.pad(chosen, ((0, 0), (1, 1))).astype(int)
    edge = np.diff(beside, axis=1)
    row, start = np.nonzero(edge == 1)
    _, end = np.nonzero(edge == -1)
    left, right, top, bottom = start + 0.5, end + 0.5, row + 0.5, row + 1.5
    corners = [[left, top], [right, top], [right, bottom], [left, bottom], [left, top]]
    vertices = np.array(corners).transpose(2, 0, 1).reshape(-1, 2)
    codes = [Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY]
    return Path(vertices, np.tile(codes, len(row)))


def _shares(counts: np.ndarray, normalise: str | None) -> np.ndarray:
    if normalise is None:
        return counts
    if normalise not in ("true", "predicted"):
        raise ValueError(f"normalise is {normalise!r}; expected None, 'true' or 'predicted'")
    totals = counts.sum(axis=1 if normalise == "true" else 0, keepdims=True)
    empty = np.full(counts.shape, np.nan)
    return np.divide(counts, totals, out=empty, where=totals > 0)


def _add_colour_bar(cells: PathCollection | AxesImage) -> None:
    bar = cells.axes.figure.colorbar(cells, ax=cells.axes)
    bar.solids.set(edgecolor="face", linewidth=0.3)  # closes the same cracks


def _write_numbers(ax: Axes, values: np.ndarray, number_format: str) -> None:
    """A number in every cell that is not empty."""
    for (row, column), value in np.ndenumerate(values):
        if np.isfinite(value):
            text = format(value, number_format)
            ax.text(column + 1, row + 1, text, ha="center", va="center", color="black")


def _label_ticks(axis: Axis, labels: Sequence[str]) -> None:
    """Texts as they are, no mathematics, at 1, 2, ...; a blank and a line break become visible."""
    visible = ["␣" if label == " " else label.replace("\n", "↵") for label in labels]
    axis.set_ticks(range(1, len(labels) + 1), labels=visible, parse_math=False)
    if axis.axis_name == "x" and max(map(len, visible)) > 3:
        axis.set_tick_params(rotation=90)


def _whole_numbers(axis: Axis, at_most: int = 8) -> None:
    axis.set_major_locator(MaxNLocator(at_most, steps=[1, 2, 5, 10], integer=True, min_n_ticks=1))
