"""One style for every figure of the book."""

import matplotlib as mpl
from cycler import cycler

# Okabe and Ito's colours, those of them that stay readable on white and, inverted, on black.
COLORS = {
    "blue": "#0072B2",
    "orange": "#D55E00",
    "green": "#009E73",
    "purple": "#AA4499",
    "grey": "#6B6B6B",
}
LINE_STYLES = ("-", "--", "-.", ":", (0, (1, 1)))


def use_book_style() -> None:
    """Set matplotlib to the book's style: quiet axes, colour-blind safe, crisp SVG.

    Lines differ in colour *and* in dash, so that a figure survives a grey printout. In a
    notebook, figures become SVG with fixed ids and no date: drawing the same figure twice gives
    the same text, which is how the book's tests see that a figure changed.
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
