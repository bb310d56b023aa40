"""One clear line instead of a traceback where a notebook needs what is not installed."""

from importlib.util import find_spec


class MissingPackagesError(ImportError):
    """Packages that a notebook needs are not installed; Jupyter shows its one line and stops."""

    def _render_traceback_(self) -> list[str]:
        """What IPython shows in place of a traceback."""
        return [str(self)]


def require_packages(*names: str) -> None:
    """Do nothing if all packages are installed; else end the run with one line of advice.

    Parameters
    ----------
    *names : str
        Packages by the names under which they are imported. They are looked for, not imported.

    Raises
    ------
    ImportError
        If some are not installed. In a notebook it is shown as one line, without a traceback.

    Examples
    --------
    >>> from gru_lib.interop import require_packages
    >>> require_packages("numpy")
    >>> require_packages("numpy", "no_such_framework")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    gru_lib.interop.packages.MissingPackagesError: This notebook needs no_such_framework...
    """
    missing = [name for name in names if find_spec(name) is None]
    if missing:
        raise MissingPackagesError(
            f"This notebook needs {', '.join(missing)}. The stored outputs show what it does; to "
            f"run it yourself, install what is missing (pip install {' '.join(missing)}), or, in "
            "a clone of the book, run make frameworks once, then make lab, and choose the kernel "
            '"Python 3 (frameworks)".'
        )
