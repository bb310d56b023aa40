"""The book's style: readable in light and in dark, and the same text every time."""

import io
import sys

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure

from gru_lib import plots
from gru_lib.plots import COLORS, LINE_STYLES, use_book_style


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
