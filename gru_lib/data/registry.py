"""Data sets that are fetched on request: where they come from, and that they are what they were.

Every file is named by a commit and a sha256, so that what is fetched is the same for everyone or
is refused. What was fetched once is read from the data folder, without a network. The folder is
the one that the environment variable ``GRU_DATA_DIR`` names, or else a cache of the user.
"""

import difflib
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

_VARIABLE = "GRU_DATA_DIR"


@dataclass(frozen=True)
class DataFile:
    """One file that can be fetched.

    Parameters
    ----------
    repository : str
        ``"owner/name"`` on GitHub.
    commit : str
        The commit that the file is taken from.
    source : str
        Its path in the repository.
    path : str
        Its path in the data folder.
    sha256 : str
        What the content must be.
    licence : str
        What is known about it.
    citation : str
        Whom to cite.

    Examples
    --------
    >>> from gru_lib.data.registry import REGISTRY
    >>> REGISTRY["jsb-chorales"].path
    'jsb/jsb-chorales-quarter.json'
    """

    #: ``owner/name``.
    repository: str
    #: Of the repository.
    commit: str
    #: Path in the repository.
    source: str
    #: Path in the data folder.
    path: str
    #: Of the content.
    sha256: str
    #: In words.
    licence: str
    #: In words.
    citation: str

    @property
    def url(self) -> str:
        """Where the file is fetched."""
        return f"https://raw.githubusercontent.com/{self.repository}/{self.commit}/{self.source}"


#: Everything that can be fetched, by name.
REGISTRY = {
    "jsb-chorales": DataFile(
        repository="czhuang/JSB-Chorales-dataset",
        commit="9a7f733ddb4ed91f48da64ac7f0f621c34aadd4d",
        source="jsb-chorales-quarter.json",
        path="jsb/jsb-chorales-quarter.json",
        sha256="2db9329f1881a1d3f49703ec556bf1d6f84b4f6c1d702c156536e93cf31e1c91",
        licence="none stated; the music is out of copyright",
        citation="Boulanger-Lewandowski, Bengio and Vincent (2012), Modeling Temporal "
        "Dependencies in High-Dimensional Sequences, ICML",
    )
}


def data_folder() -> Path:
    """Where fetched files lie: ``GRU_DATA_DIR``, or the user's cache where it is not set.

    Returns
    -------
    Path
        It need not exist yet.

    Examples
    --------
    >>> import os
    >>> from gru_lib.data.registry import data_folder
    >>> os.environ["GRU_DATA_DIR"] = "data"  # doctest: +SKIP
    >>> data_folder()  # doctest: +SKIP
    PosixPath('data')
    """
    if os.environ.get(_VARIABLE):
        return Path(os.environ[_VARIABLE]).expanduser()
    pooch = _pooch("the folder for data")
    return Path(pooch.os_cache("what-is-a-gru"))


def fetch(name: str) -> Path:
    """The file of that name in the data folder; downloaded first if it is not there.

    Parameters
    ----------
    name : str
        A key of :data:`REGISTRY`.

    Returns
    -------
    Path
        A file whose content has the sha256 of the registry.

    Raises
    ------
    ValueError
        If there is no such name, or what the address gives has another sha256. A file that was
        there before is then left as it was.
    ConnectionError
        If the file cannot be downloaded.
    ImportError
        If it must be downloaded and pooch is not installed.

    Examples
    --------
    >>> from gru_lib.data.registry import fetch
    >>> fetch("jsb")
    Traceback (most recent call last):
    ...
    ValueError: there is no data set 'jsb'; did you mean 'jsb-chorales'?
    """
    entry = _entry(name)
    file = data_folder() / entry.path
    if file.is_file() and _sha256(file) == entry.sha256:
        return file
    pooch = _pooch(f"the data set {name!r}")
    pooch.get_logger().setLevel("WARNING")  # it would write to stderr what it downloads
    try:
        pooch.retrieve(
            entry.url,
            known_hash=f"sha256:{entry.sha256}",
            fname=file.name,
            path=file.parent,
            downloader=pooch.HTTPDownloader(timeout=30),
        )
    except ValueError as error:
        raise ValueError(
            f"what {entry.url} gives is not the data set {name!r}: its sha256 is another one. "
            "Nothing was stored."
        ) from error
    except OSError as error:
        raise ConnectionError(
            f"the data set {name!r} is not in {file.parent} and cannot be fetched from "
            f"{entry.url} ({type(error).__name__}). With a network it is downloaded once; without "
            f"one, put the file there, or let {_VARIABLE} name a folder that has it."
        ) from error
    return file


def _entry(name: str) -> DataFile:
    if name in REGISTRY:
        return REGISTRY[name]
    near = difflib.get_close_matches(str(name), REGISTRY, n=3, cutoff=0.4) or [
        known for known in REGISTRY if str(name) in known
    ]
    guess = f"did you mean {' or '.join(map(repr, near))}?" if near else ""
    raise ValueError(
        f"there is no data set {name!r}; {guess or 'there are: ' + ', '.join(REGISTRY)}"
    )


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _pooch(what: str):
    try:
        import pooch
    except ImportError:
        raise ImportError(
            f"{what} needs pooch: install it with  pip install 'gru-lib[data]'"
        ) from None
    return pooch
