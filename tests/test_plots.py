"""The book's figures: right content, readable in light and in dark, the same text every time."""

import io
import sys
import warnings

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from gru_lib import plots
from gru_lib.plots import (
    COLORS,
    LINE_STYLES,
    plot_attention,
    plot_confusion,
    plot_gates,
    plot_gradient_by_lag,
    plot_history,
    use_book_style,
)


@pytest.fixture
def book_style():
    with mpl.rc_context():
        mpl.rcdefaults()
        use_book_style()
        yield


def draw_figure():
    """A figure with what ids and clip paths hang on: lines, a fill, markers, a legend."""
    figure = Figure()
    axes = figure.add_subplot(xlabel="step", ylabel="state", title="a title")
    x = np.linspace(0, 1, 20)
    for k in range(5):
        axes.plot(x, np.sin(k + 5 * x), label=f"line {k}")
    axes.fill_between(x, x, 1 - x, alpha=0.3)
    axes.scatter(x, x**2, label="dots")
    axes.imshow(np.eye(3), extent=(0, 0.2, 0, 0.2))
    axes.legend()
    return figure


def as_svg(figure):
    stored = io.BytesIO()
    figure.savefig(stored, format="svg", metadata={"Date": None})
    return stored.getvalue()


# --- the style ------------------------------------------------------------------------------


def test_figures_have_a_white_face(book_style):
    assert mpl.colors.to_hex(Figure().get_facecolor()) == "#ffffff"
    assert mpl.colors.to_hex(Figure().add_subplot().get_facecolor()) == "#ffffff"
    assert b"fill: #ffffff" in as_svg(draw_figure())


def test_the_same_figure_drawn_twice_is_the_same_svg(book_style):
    first, second = as_svg(draw_figure()), as_svg(draw_figure())
    assert first.startswith(b"<?xml")
    assert b"<dc:date>" not in first
    assert first == second


def test_lines_differ_in_colour_and_in_dash(book_style):
    lines = Figure().add_subplot().plot(np.zeros((2, len(COLORS))))
    assert [line.get_color() for line in lines] == list(COLORS.values())
    assert len(set(COLORS.values())) == len(COLORS)
    assert len(LINE_STYLES) == len(COLORS)
    assert len({str(line._unscaled_dash_pattern) for line in lines}) == len(COLORS)


def test_the_style_may_be_set_twice(book_style):
    before = dict(mpl.rcParams)
    use_book_style()
    assert dict(mpl.rcParams) == before


def test_in_a_notebook_figures_are_stored_as_svg_without_a_date(book_style, monkeypatch):
    called = []
    monkeypatch.setattr("IPython.get_ipython", lambda: object())
    monkeypatch.setattr(
        "matplotlib_inline.backend_inline.set_matplotlib_formats",
        lambda *formats, **keywords: called.append((formats, keywords)),
    )
    plots.use_book_style()
    assert called == [(("svg",), {"metadata": {"Date": None}})]


def test_the_style_needs_no_ipython(monkeypatch):
    monkeypatch.setitem(sys.modules, "IPython", None)
    with mpl.rc_context():
        mpl.rcdefaults()
        use_book_style()
        assert mpl.rcParams["svg.hashsalt"] == "what-is-a-gru"


# --- the colours ----------------------------------------------------------------------------


def luminance(rgb):
    """Relative luminance of an sRGB colour, WCAG 2."""
    rgb = np.asarray(rgb)
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


def contrast(one, other):
    """Contrast ratio, WCAG 2: 1 to 21."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def inverted_for_dark(rgb):
    """What CSS ``filter: invert(1) hue-rotate(180deg)`` makes of an sRGB colour."""
    # Filter Effects 1: 0.213 etc. + cos * (...) + sin * (...), with cos = -1 and sin = 0
    grey = np.array([0.213, 0.715, 0.072])
    hue_rotate = 2 * np.tile(grey, (3, 1)) - np.eye(3)
    return np.clip(hue_rotate @ (1 - np.asarray(rgb)), 0, 1)


def test_the_contrast_formulas_on_known_colours():
    white, black = (1, 1, 1), (0, 0, 0)
    assert contrast(white, black) == pytest.approx(21)
    assert contrast(white, mpl.colors.to_rgb("#767676")) == pytest.approx(4.54, abs=0.01)
    np.testing.assert_allclose(inverted_for_dark(white), black, atol=1e-12)
    np.testing.assert_allclose(inverted_for_dark(black), white, atol=1e-12)
    # pure red: inverted cyan (0, 1, 1), turned by the matrix, red clipped at 1
    np.testing.assert_allclose(inverted_for_dark((1, 0, 0)), (1, 0.574, 0.574), atol=1e-12)


@pytest.mark.parametrize("name", COLORS)
def test_a_colour_is_readable_on_white(name):
    assert contrast(mpl.colors.to_rgb(COLORS[name]), (1, 1, 1)) >= 3


@pytest.mark.parametrize("name", COLORS)
def test_a_colour_is_readable_inverted_on_black(name):
    assert contrast(inverted_for_dark(mpl.colors.to_rgb(COLORS[name])), (0, 0, 0)) >= 3


def shades(colour_map):
    return [colour_map(k)[:3] for k in range(colour_map.N)]


@pytest.mark.parametrize("side", ["light", "dark"])
def test_more_is_further_from_the_page(side):
    turn = inverted_for_dark if side == "dark" else np.asarray
    page = turn((1, 1, 1))
    for colour_map in (plots._SEQUENTIAL, plots._BEHIND_NUMBERS):
        steps = [contrast(turn(shade), page) for shade in shades(colour_map)]
        assert steps[0] == pytest.approx(1)
        assert (np.diff(steps) > 0).all()
    diverging = [contrast(turn(shade), page) for shade in shades(plots._DIVERGING)]
    middle = len(diverging) // 2
    assert diverging[middle] == pytest.approx(1)
    assert (np.diff(diverging[: middle + 1]) < 0).all()
    assert (np.diff(diverging[middle:]) > 0).all()


def test_numbers_are_readable_on_every_shade_behind_them():
    for shade in shades(plots._BEHIND_NUMBERS):
        assert contrast(shade, (0, 0, 0)) >= 4.5
        assert contrast(inverted_for_dark(shade), (1, 1, 1)) >= 4.5


# --- what all figures share -----------------------------------------------------------------

RNG = np.random.default_rng(0)
GATES = RNG.random((6, 3))
STATE = RNG.uniform(-1, 1, (6, 3))
COUNTS = np.array([[8, 2, 0], [1, 9, 3], [0, 0, 7]])
ATTENTION = np.array([[0.9, 0.1, 0.0], [0.0, 0.25, 0.75]])
MANY = np.diag(np.arange(1, 14))

FIGURES = {
    "gates of one unit": lambda: plot_gates(GATES[:, 0], GATES[:, 1], STATE[:, 0], marks=[2]),
    "gates of three units": lambda: plot_gates(GATES, GATES, STATE, step_labels="abc de"),
    "gradient": lambda: plot_gradient_by_lag({"a": [1, 0.1, 0], "b": [1, 2, np.inf]}),
    "history": lambda: plot_history({"a": [3, 2], "b": [3, 4]}, best_epoch=2),
    "attention": lambda: plot_attention(ATTENTION, ["a", "b", "c"], ["A", "B"]),
    "confusion": lambda: plot_confusion(COUNTS, ["x", "y", "z"]),
    "confusion of many classes": lambda: plot_confusion(MANY, range(13), normalise="true"),
}


@pytest.fixture
def no_figures_left():
    plt.close("all")
    yield
    plt.close("all")


@pytest.mark.parametrize("styled", [False, True], ids=["bare", "in the book's style"])
@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_drawn_twice_is_the_same_svg_without_an_image(name, styled, no_figures_left):
    with mpl.rc_context(), warnings.catch_warnings():
        warnings.simplefilter("error")
        mpl.rcdefaults()
        mpl.rcParams["svg.hashsalt"] = "fixed"
        if styled:
            use_book_style()
        first, second = (as_svg(np.ravel(FIGURES[name]())[0].figure) for _ in range(2))
    assert first == second
    assert b"<image" not in first


@pytest.mark.parametrize("name", FIGURES)
def test_without_axes_pyplot_gets_one_new_figure(name, no_figures_left):
    drawn = FIGURES[name]()
    assert [plt.figure(number) for number in plt.get_fignums()] == [np.ravel(drawn)[0].figure]
    assert np.shape(drawn) == ((3,) if "gates" in name else ())


def test_on_given_axes_pyplot_gets_nothing(no_figures_left):
    figure = Figure()
    axes = figure.subplots(7)
    assert list(plot_gates(GATES, GATES, STATE, axes=axes[:3])) == list(axes[:3])
    assert plot_gradient_by_lag({"a": [1.0]}, ax=axes[3]) is axes[3]
    assert plot_history({"a": [1.0]}, ax=axes[4]) is axes[4]
    assert plot_attention(ATTENTION, "abc", "AB", ax=axes[5]) is axes[5]
    assert plot_confusion(COUNTS, "xyz", ax=axes[6]) is axes[6]
    assert plt.get_fignums() == []


def test_inputs_and_settings_are_left_alone():
    before = dict(mpl.rcParams)
    copies = GATES.copy(), STATE.copy(), COUNTS.copy(), ATTENTION.copy()
    norms = np.array([1.0, 0.0])
    plot_gates(GATES, GATES, STATE, axes=Figure().subplots(3))
    plot_attention(ATTENTION, "abc", "AB", ax=axes())
    plot_confusion(COUNTS, "xyz", normalise="true", ax=axes())
    plot_gradient_by_lag({"a": norms}, ax=axes())
    for array, copy in zip((GATES, STATE, COUNTS, ATTENTION), copies, strict=True):
        np.testing.assert_array_equal(array, copy)
    np.testing.assert_array_equal(norms, [1.0, 0.0])
    assert dict(mpl.rcParams) == before


NOT_AXES = "ax is Figure; expected matplotlib Axes"


@pytest.mark.parametrize(
    "draw",
    [
        lambda ax: plot_gradient_by_lag({"a": [1.0]}, ax=ax),
        lambda ax: plot_history({"a": [1.0]}, ax=ax),
        lambda ax: plot_attention(ATTENTION, "abc", "AB", ax=ax),
        lambda ax: plot_confusion(COUNTS, "xyz", ax=ax),
    ],
)
def test_something_else_than_axes_is_refused(draw):
    with pytest.raises(TypeError, match=NOT_AXES):
        draw(Figure())


def axes():
    return Figure().subplots()


def shown(ticks):
    return [label.get_text() for label in ticks]


def grid_of_cells(ax):
    """The colour of every cell (hex; None where nothing is drawn), read from the shapes."""
    (cells,) = ax.collections
    colours = [to_hex(colour) for colour in cells.to_rgba(cells.get_array())]
    cells.update_scalarmappable()
    assert [to_hex(colour) for colour in cells.get_edgecolor()] == colours
    columns, rows = round(ax.get_xlim()[1] - 0.5), round(ax.get_ylim()[0] - 0.5)
    grid = np.full((rows, columns), None)
    for path, colour in zip(cells.get_paths(), colours, strict=True):
        for row, column in np.ndindex(rows, columns):
            if path.contains_point((column + 1, row + 1)):
                assert grid[row, column] is None, "two shapes on one cell"
                grid[row, column] = colour
    return grid


def expected_grid(values, low, high, colour_map):
    return np.vectorize(lambda value: to_hex(colour_map((value - low) / (high - low))))(values)


# --- gates ----------------------------------------------------------------------------------


def test_one_unit_is_drawn_as_lines():
    panels = plot_gates(
        GATES[:, 0], GATES[:, 1], STATE[:, 0], axes=Figure().subplots(3), marks=[2, 6]
    )
    for panel, values in zip(panels, (GATES[:, 0], GATES[:, 1], STATE[:, 0]), strict=True):
        line, *marks = panel.lines
        np.testing.assert_array_equal(line.get_xdata(), [1, 2, 3, 4, 5, 6])
        np.testing.assert_array_equal(line.get_ydata(), values)
        assert [mark.get_xdata()[0] for mark in marks] == [2, 6]
        assert panel.get_xlim() == (0.5, 6.5)
    assert [panel.get_title(loc="left") for panel in panels] == [
        "reset gate",
        "update gate",
        "hidden state",
    ]
    assert [panel.get_xlabel() for panel in panels] == ["", "", "step"]
    assert panels[0].get_ylim() == panels[1].get_ylim() == pytest.approx((-0.05, 1.05))
    limit = np.abs(STATE[:, 0]).max()
    assert panels[2].get_ylim() == pytest.approx((-1.1 * limit, 1.1 * limit))


def test_several_units_are_drawn_as_cells_with_the_first_unit_on_top():
    panels = plot_gates(GATES, 1 - GATES, STATE, axes=Figure().subplots(3), marks=[3])
    limit = np.abs(STATE).max()
    assert (grid_of_cells(panels[0]) == expected_grid(GATES.T, 0, 1, plots._SEQUENTIAL)).all()
    assert (grid_of_cells(panels[1]) == expected_grid(1 - GATES.T, 0, 1, plots._SEQUENTIAL)).all()
    assert (
        grid_of_cells(panels[2]) == expected_grid(STATE.T, -limit, limit, plots._DIVERGING)
    ).all()
    for panel in panels:
        assert panel.get_ylim() == (3.5, 0.5)
        assert panel.get_ylabel() == "unit"
        assert [line.get_xdata()[0] for line in panel.lines] == [3]


@pytest.mark.parametrize(("low", "colour_map"), [(0, "_SEQUENTIAL"), (-1, "_DIVERGING")])
def test_the_ends_of_a_scale_have_the_colours_of_its_ends(low, colour_map):
    ax = axes()
    colour_map = getattr(plots, colour_map)
    plots._draw_cells(ax, np.array([[low, 1.0]]), (low, 1.0), colour_map)
    assert grid_of_cells(ax).tolist() == [[to_hex(colour_map(0.0)), to_hex(colour_map(1.0))]]
    drawn = ax.collections[0].get_array()
    assert low < drawn.min() < drawn.max() < 1


@settings(deadline=None, max_examples=30)
@given(
    arrays(
        float,
        st.tuples(st.integers(1, 5), st.integers(1, 7)),
        elements=st.sampled_from([0.0, 0.5, 1.0, np.nan]),
    )
)
def test_shapes_cover_every_cell_once_and_leave_gaps_where_there_is_nothing(values):
    ax = axes()
    plots._draw_cells(ax, values, (0, 1), plots._SEQUENTIAL)
    expected = expected_grid(np.nan_to_num(values), 0, 1, plots._SEQUENTIAL).astype(object)
    expected[np.isnan(values)] = None
    assert (grid_of_cells(ax) == expected).all()


def test_thousands_of_cells_become_an_image():
    values = np.linspace(0, 1, 4002).reshape(2001, 2)
    panels = plot_gates(values, values, values, axes=Figure().subplots(3))
    for panel, limits in zip(panels, [(0, 1), (0, 1), (-1, 1)], strict=True):
        (image,) = panel.images
        np.testing.assert_array_equal(image.get_array(), values.T)
        assert image.get_clim() == limits
        assert image.get_extent() == [0.5, 2001.5, 2.5, 0.5]
        assert not panel.collections


def test_the_colour_bar_ends_where_the_values_do():
    figure = Figure()
    plot_gates(GATES, GATES, 3 * STATE, axes=figure.subplots(3))
    limit = 3 * np.abs(STATE).max()
    bars = [bar.get_ylim() for bar in figure.axes[3:]]
    assert bars == [(0, 1), (0, 1), pytest.approx((-limit, limit))]


def test_the_scale_of_the_state_reaches_as_far_below_zero_as_above():
    low = np.array([0.5, -0.75])
    (_, _, panel) = plot_gates(low**2, low**2, low, axes=Figure().subplots(3))
    assert panel.get_ylim() == pytest.approx((-0.825, 0.825))
    low = low.reshape(2, 1)
    (_, _, panel) = plot_gates(low**2, low**2, low, axes=Figure().subplots(3))
    assert panel.collections[0].get_clim() == (-0.75, 0.75)


def test_a_state_of_zeros_has_a_scale():
    panels = plot_gates(GATES, GATES, 0 * STATE, axes=Figure().subplots(3))
    assert set(grid_of_cells(panels[2]).ravel()) == {"#ffffff"}
    assert panels[2].collections[0].get_clim() == (-1, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        panels = plot_gates([0.5, 0.5], [0.5, 0.5], [0, 0], axes=Figure().subplots(3))
    assert panels[2].get_ylim() == pytest.approx((-1.1, 1.1))


def test_words_of_the_gates_can_be_given():
    panels = plot_gates(
        GATES,
        GATES,
        STATE,
        axes=Figure().subplots(3),
        step_labels="a b$c$",
        names=("R", "U", "S"),
        x_label="letter",
        unit_label="no.",
    )
    assert shown(panels[2].get_xticklabels()) == ["a", "␣", "b", "$", "c", "$"]
    assert [panel.get_title(loc="left") for panel in panels] == ["R", "U", "S"]
    assert panels[2].get_xlabel() == "letter"
    assert panels[0].get_ylabel() == "no."


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"reset": [["a"]]}, TypeError, "reset has dtype <U1; expected real numbers"),
        ({"update": [True] * 6}, TypeError, "update has dtype bool; expected real numbers"),
        ({"state": 1j * STATE}, TypeError, "state has dtype complex128; expected real numbers"),
        ({"reset": []}, ValueError, r"reset has shape \(0,\); expected \(steps,\) or \(steps, hid"),
        ({"reset": GATES[None]}, ValueError, r"reset has shape \(1, 6, 3\); expected \(steps,\)"),
        ({"state": STATE.T}, ValueError, r"state has shape \(3, 6\); reset has \(6, 3\), expected"),
        ({"update": GATES[0]}, ValueError, r"update has shape \(3,\); reset has \(6, 3\)"),
        ({"reset": GATES + 1}, ValueError, "reset holds 1.* expected numbers from 0 to 1"),
        ({"reset": [1.001], "update": [0], "state": [0]}, ValueError, "reset holds 1.001; exp"),
        ({"update": -GATES}, ValueError, "update holds -0.* expected numbers from 0 to 1"),
        ({"reset": GATES * np.nan}, ValueError, "reset holds NaN or infinity in 18 of 18"),
        ({"state": STATE * np.inf}, ValueError, "state holds NaN or infinity in 18 of 18"),
        ({"marks": [0]}, ValueError, "marks holds 0; there are steps 1 to 6"),
        ({"marks": [7]}, ValueError, "marks holds 7; there are steps 1 to 6"),
        ({"marks": [1.5]}, TypeError, "marks holds 1.5; expected whole numbers"),
        ({"marks": [True]}, TypeError, "marks holds True; expected whole numbers"),
        ({"step_labels": "abc"}, ValueError, "step_labels holds 3 labels; there are 6 steps"),
        ({"names": ["r", "z"]}, ValueError, "names holds 2 labels; there are 3 panels"),
        ({"axes": Figure().subplots(2)}, ValueError, "axes holds 2 Axes; expected three"),
        ({"axes": [1, 2, 3]}, TypeError, r"axes is \[1, 2, 3\]; expected three matplotlib Axes"),
    ],
)
def test_bad_gates_are_refused(changes, error, message, no_figures_left):
    arguments = {"reset": GATES, "update": GATES, "state": STATE, **changes}
    with pytest.raises(error, match=message):
        plot_gates(**arguments)
    assert plt.get_fignums() == []


def test_gates_in_float32_may_round_beyond_one():
    above = np.float32([0.5, 1.0000001])
    panels = plot_gates(above, above, above, axes=Figure().subplots(3))
    assert panels[0].lines[0].get_ydata()[1] == above[1]


# --- gradient by lag ------------------------------------------------------------------------


def test_gradients_are_drawn_on_a_logarithmic_axis_from_lag_zero():
    ax = plot_gradient_by_lag({"tanh": [1, 0.1, 0.01], "GRU": [1, 0.9]}, ax=axes())
    assert ax.get_yscale() == "log"
    assert ax.get_xscale() == "linear"
    np.testing.assert_array_equal(ax.lines[0].get_xydata(), [[0, 1], [1, 0.1], [2, 0.01]])
    np.testing.assert_array_equal(ax.lines[1].get_xydata(), [[0, 1], [1, 0.9]])
    assert shown(ax.get_legend().get_texts()) == ["tanh", "GRU"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("lag", "gradient norm")


def test_what_a_logarithm_cannot_show_is_a_gap_and_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ax = plot_gradient_by_lag({"a": [1, 0, 1e-300, np.inf, 5e-324, 2]}, ax=axes())
        as_svg(ax.figure)
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), [1, np.nan, 1e-300, np.nan, 5e-324, 2])
    alone = ax.lines[1]
    np.testing.assert_array_equal(alone.get_xydata(), [[0, 1], [2, 1e-300]])
    assert (alone.get_marker(), alone.get_linestyle()) == ("o", "None")
    assert alone.get_color() == ax.lines[0].get_color()
    assert len(ax.get_legend().get_texts()) == 1


@pytest.mark.parametrize("norms", [[0.0, 0.0], [np.inf], [5e-324, 0.0]])
def test_a_gradient_that_is_hardly_there_can_be_drawn(norms):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ax = plot_gradient_by_lag({"a": norms}, ax=axes())
        assert b"<svg" in as_svg(ax.figure)
    assert ax.get_yscale() == "log"


def test_twenty_five_lines_look_different():
    ax = plot_gradient_by_lag({str(k): [1, 2] for k in range(25)}, ax=axes())
    looks = {(line.get_color(), str(line._unscaled_dash_pattern)) for line in ax.lines}
    assert len(looks) == 25
    assert [line.get_color() for line in ax.lines[:5]] == list(COLORS.values())


@pytest.mark.parametrize(
    ("norms", "error", "message"),
    [
        ([1, 2], TypeError, "norms is list; expected a mapping of labels to numbers"),
        ({}, ValueError, "norms is empty; expected one entry or more"),
        (
            {"a": []},
            ValueError,
            r"norms\['a'\] has shape \(0,\); expected one dimension, not empty",
        ),
        ({"a": [[1.0]]}, ValueError, r"norms\['a'\] has shape \(1, 1\); expected one dimension"),
        ({"a": 1.0}, ValueError, r"norms\['a'\] has shape \(\); expected one dimension"),
        ({"a": ["1"]}, TypeError, r"norms\['a'\] has dtype <U1; expected real numbers"),
        ({"a": [1], "b": [1, np.nan]}, ValueError, r"norms\['b'\] holds NaN at index 1"),
        ({"a": [1, -0.5]}, ValueError, r"norms\['a'\] holds -0.5; expected norms, 0 or more"),
    ],
)
def test_bad_norms_are_refused(norms, error, message, no_figures_left):
    with pytest.raises(error, match=message):
        plot_gradient_by_lag(norms)
    assert plt.get_fignums() == []


# --- history --------------------------------------------------------------------------------


def test_a_history_has_one_point_an_epoch_from_one():
    history = {"training": [3.0, 2.0, 1.0], "validation": [3.0, 2.5, 2.6]}
    ax = plot_history(history, best_epoch=2, ax=axes(), x_label="Epoche", y_label="nats")
    np.testing.assert_array_equal(ax.lines[0].get_xydata(), [[1, 3], [2, 2], [3, 1]])
    np.testing.assert_array_equal(ax.lines[1].get_ydata(), [3.0, 2.5, 2.6])
    assert list(ax.lines[2].get_xdata()) == [2, 2]
    assert shown(ax.get_legend().get_texts()) == ["training", "validation"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Epoche", "nats")


def test_no_line_for_the_best_epoch_unless_asked():
    assert len(plot_history({"a": [1, 2]}, ax=axes()).lines) == 1


@pytest.mark.parametrize("epochs", [1, 2, 3, 10, 1000])
def test_epochs_are_whole_numbers(epochs):
    ticks = plot_history({"a": np.arange(epochs)}, ax=axes()).get_xticks()
    assert (ticks == np.round(ticks)).all()


def test_a_single_epoch_is_a_dot():
    ax = plot_history({"a": [2.0]}, ax=axes())
    assert ax.lines[1].get_marker() == "o"
    np.testing.assert_array_equal(ax.lines[1].get_xydata(), [[1, 2]])


@pytest.mark.parametrize(
    ("history", "best", "error", "message"),
    [
        ([1, 2], None, TypeError, "history is list; expected a mapping"),
        ({}, None, ValueError, "history is empty; expected one entry or more"),
        ({"a": []}, None, ValueError, r"history\['a'\] has shape \(0,\)"),
        ({"a": [1], "b": [1, 2]}, None, ValueError, "different lengths, {'a': 1, 'b': 2}"),
        ({"a": [1, np.nan]}, None, ValueError, r"history\['a'\] holds NaN at index 1"),
        ({"a": [1, np.inf]}, None, ValueError, r"history\['a'\] holds NaN or infinity in 1 of 2"),
        ({"a": [1, None]}, None, TypeError, r"history\['a'\] has dtype object"),
        ({"a": [1]}, 0, ValueError, "best_epoch holds 0; there are epochs 1 to 1"),
        ({"a": [1]}, 2, ValueError, "best_epoch holds 2; there are epochs 1 to 1"),
        ({"a": [1]}, 1.0, TypeError, "best_epoch holds 1.0; expected whole numbers"),
    ],
)
def test_a_bad_history_is_refused(history, best, error, message, no_figures_left):
    with pytest.raises(error, match=message):
        plot_history(history, best_epoch=best)
    assert plt.get_fignums() == []


# --- attention ------------------------------------------------------------------------------


def test_attention_has_targets_as_rows_from_above():
    ax = plot_attention(ATTENTION, ["the", " ", "$x$"], ["le", "\n"], ax=axes())
    assert (grid_of_cells(ax) == expected_grid(ATTENTION, 0, 1, plots._SEQUENTIAL)).all()
    assert ax.get_ylim() == (2.5, 0.5)
    assert shown(ax.get_xticklabels()) == ["the", "␣", "$x$"]
    assert shown(ax.get_yticklabels()) == ["le", "↵"]
    assert not any(label.get_parse_math() for label in ax.get_xticklabels())
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("source", "target")
    assert list(ax.get_xticks()) == [1, 2, 3]


def test_long_labels_are_turned():
    short = plot_attention(ATTENTION, ["abc"] * 3, "AB", ax=axes())
    long = plot_attention(ATTENTION, ["a", "b", "abcd"], ["abcd", "B"], ax=axes())
    assert {label.get_rotation() for label in short.get_xticklabels()} == {0}
    assert {label.get_rotation() for label in long.get_xticklabels()} == {90}
    assert {label.get_rotation() for label in long.get_yticklabels()} == {0}


def test_words_of_attention_can_be_given():
    ax = plot_attention(ATTENTION, "abc", "AB", ax=axes(), x_label="X", y_label="Y")
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("X", "Y")


@pytest.mark.parametrize(
    ("weights", "error", "message"),
    [
        (ATTENTION > 0, TypeError, "weights has dtype bool"),
        (ATTENTION[0], ValueError, r"weights has shape \(3,\); expected \(target_length, source_l"),
        (ATTENTION[:0], ValueError, r"weights has shape \(0, 3\); .* not empty"),
        (ATTENTION.T, ValueError, r"weights has row 1 with sum 0.35; .*transposed\?"),
        (ATTENTION * np.nan, ValueError, "weights holds NaN or infinity in 6 of 6"),
        (ATTENTION * 2, ValueError, "weights holds 1.8; expected numbers from 0 to 1"),
        (-ATTENTION, ValueError, "weights holds -0.9; expected numbers from 0 to 1"),
        (ATTENTION[:1], ValueError, "target_labels holds 2 labels; there are 1 rows"),
        ([[0.5, 0.5], [1, 0]], ValueError, "source_labels holds 3 labels; there are 2 columns"),
    ],
)
def test_bad_attention_is_refused(weights, error, message, no_figures_left):
    with pytest.raises(error, match=message):
        plot_attention(weights, "abc", "AB")
    assert plt.get_fignums() == []


# --- confusion ------------------------------------------------------------------------------


def test_counts_are_drawn_and_written():
    ax = plot_confusion(COUNTS, ["x", "y", "z"], ax=axes())
    assert shown(ax.texts) == ["8", "2", "0", "1", "9", "3", "0", "0", "7"]
    assert [text.get_position() for text in ax.texts[:4]] == [(1, 1), (2, 1), (3, 1), (1, 2)]
    assert (grid_of_cells(ax) == expected_grid(COUNTS, 0, 9, plots._BEHIND_NUMBERS)).all()
    assert shown(ax.get_xticklabels()) == shown(ax.get_yticklabels()) == ["x", "y", "z"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("predicted", "true")
    assert ax.get_aspect() == 1
    assert {text.get_color() for text in ax.texts} == {"black"}


@pytest.mark.parametrize(
    ("normalise", "expected"),
    [
        ("true", ["0.80", "0.20", "0.00", "0.08", "0.69", "0.23", "0.00", "0.00", "1.00"]),
        ("predicted", ["0.89", "0.18", "0.00", "0.11", "0.82", "0.30", "0.00", "0.00", "0.70"]),
    ],
)
def test_shares_of_true_and_of_predicted_classes(normalise, expected):
    ax = plot_confusion(COUNTS, "xyz", normalise=normalise, ax=axes())
    assert shown(ax.texts) == expected
    assert ax.collections[0].get_clim() == (0, 1)
    shares = plots._shares(COUNTS, normalise)
    np.testing.assert_allclose(shares.sum(axis=1 if normalise == "true" else 0), 1, rtol=1e-14)


def test_a_class_without_examples_has_empty_cells():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ax = plot_confusion([[0, 0], [3, 1]], "ab", normalise="true", ax=axes())
    assert shown(ax.texts) == ["0.75", "0.25"]
    assert grid_of_cells(ax)[0].tolist() == [None, None]
    ax = plot_confusion([[0, 3], [0, 1]], "ab", normalise="predicted", ax=axes())
    assert shown(ax.texts) == ["0.75", "0.25"]
    assert grid_of_cells(ax)[:, 0].tolist() == [None, None]


@pytest.mark.parametrize(("classes", "numbers", "bars"), [(12, 144, 0), (13, 0, 1)])
def test_up_to_twelve_classes_have_numbers_more_have_a_colour_bar(classes, numbers, bars):
    figure = Figure()
    ax = plot_confusion(MANY[-classes:, -classes:], range(classes), ax=figure.subplots())
    assert len(ax.texts) == numbers
    assert len(figure.axes) == 1 + bars
    assert shown(ax.get_xticklabels()) == [str(k) for k in range(classes)]


def test_words_of_confusion_can_be_given():
    ax = plot_confusion(COUNTS, "xyz", ax=axes(), x_label="X", y_label="Y")
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("X", "Y")


@pytest.mark.parametrize(
    ("counts", "options", "error", "message"),
    [
        (COUNTS / 10, {}, TypeError, "counts has dtype float64; expected whole numbers"),
        (COUNTS > 0, {}, TypeError, "counts has dtype bool"),
        (COUNTS[:2], {}, ValueError, r"counts has shape \(2, 3\); expected \(classes, classes\)"),
        (COUNTS[0], {}, ValueError, r"counts has shape \(3,\)"),
        (COUNTS[:0, :0], {}, ValueError, r"counts has shape \(0, 0\); .*not empty"),
        (COUNTS - 1, {}, ValueError, "counts holds -1; expected counts, 0 or more"),
        (0 * COUNTS, {}, ValueError, "counts holds zeros only"),
        (COUNTS, {"labels": "ab"}, ValueError, "labels holds 2 labels; there are 3 classes"),
        (COUNTS, {"normalise": "pred"}, ValueError, "'pred'; expected None, 'true' or 'pred"),
        (COUNTS, {"normalise": True}, ValueError, "normalise is True; expected None, 'true'"),
    ],
)
def test_bad_counts_are_refused(counts, options, error, message, no_figures_left):
    with pytest.raises(error, match=message):
        plot_confusion(counts, **{"labels": "xyz", **options})
    assert plt.get_fignums() == []


def test_large_counts_stay_exact():
    ax = plot_confusion([[2**53 + 1]], ["a"], ax=axes())
    assert shown(ax.texts) == [str(2**53 + 1)]
    assert isinstance(ax, Axes)
