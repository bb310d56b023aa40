"""Data sets that are fetched on request: where they come from, and that they are what they were.

Every file is named by a commit and a sha256, so that what is fetched is the same for everyone or
is refused. What was fetched once is read from the data folder, without a network. The folder is
the one that the environment variable ``GRU_DATA_DIR`` names, or else a cache of the user. The list
of data sets is ``registry.json`` beside this module.
"""

import difflib
import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

_VARIABLE = "GRU_DATA_DIR"


@dataclass(frozen=True)
class DataFile:
    """One file of a data set.

    Parameters
    ----------
    source : str
        Its path in the repository.
    bytes : int
        Its size.
    sha256 : str
        What its content must be.

    Examples
    --------
    >>> from gru_lib.data.registry import REGISTRY
    >>> REGISTRY["etth1"].files["ETTh1.csv"].bytes
    2589657
    """

    #: Path in the repository.
    source: str
    #: Size.
    bytes: int
    #: Of the content.
    sha256: str


@dataclass(frozen=True)
class DataSet:
    """A data set that can be fetched.

    Parameters
    ----------
    title : str
        What it holds, in one line.
    repository : str
        ``"owner/name"`` on GitHub.
    commit : str
        The commit that its files are taken from.
    licence : str
        What is known about it.
    citation : str
        Whom to cite.
    folder : str
        Its folder in the data folder.
    files : dict of str to DataFile
        By their paths in that folder.

    Examples
    --------
    >>> from gru_lib.data.registry import REGISTRY
    >>> REGISTRY["jsb-chorales"].folder, list(REGISTRY["jsb-chorales"].files)
    ('jsb', ['jsb-chorales-quarter.json'])
    """

    #: One line.
    title: str
    #: ``owner/name``.
    repository: str
    #: Of the repository.
    commit: str
    #: In words.
    licence: str
    #: In words.
    citation: str
    #: In the data folder.
    folder: str
    #: By path in the folder.
    files: dict[str, DataFile]

    def url(self, file: str) -> str:
        """Where one of its files is fetched."""
        source = self.files[file].source
        return f"https://raw.githubusercontent.com/{self.repository}/{self.commit}/{source}"

    @property
    def sha256(self) -> str:
        """One sum for the whole set: that of the file, or of the list of all files' sums."""
        sums = [self.files[name].sha256 for name in sorted(self.files)]
        return sums[0] if len(sums) == 1 else hashlib.sha256("\n".join(sums).encode()).hexdigest()


def _read_registry() -> dict[str, DataSet]:
    listed = json.loads(files("gru_lib.data").joinpath("registry.json").read_text("utf-8"))
    return {
        name: DataSet(
            **{
                **entry,
                "files": {path: DataFile(**file) for path, file in entry["files"].items()},
            }
        )
        for name, entry in listed.items()
    }


#: Everything that can be fetched, by name.
REGISTRY = _read_registry()


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


def is_fetched(name: str) -> bool:
    """Whether all files of a data set lie in the data folder, by name and size.

    Parameters
    ----------
    name : str
        A key of :data:`REGISTRY`.

    Returns
    -------
    bool
        False also where a file is cut off. The content is looked at by :func:`fetch`.

    Raises
    ------
    ValueError
        If there is no such name.

    Examples
    --------
    >>> from gru_lib.data.registry import is_fetched
    >>> isinstance(is_fetched("etth1"), bool)
    True
    """
    entry = _entry(name)
    folder = data_folder() / entry.folder
    return all(
        (folder / path).is_file() and (folder / path).stat().st_size == file.bytes
        for path, file in entry.files.items()
    )


def fetch(name: str, only: Iterable[str] | None = None) -> Path:
    """The folder of a data set; its files are downloaded first where they are not there.

    Parameters
    ----------
    name : str
        A key of :data:`REGISTRY`.
    only : iterable of str, optional
        Files of the data set, by their paths in its folder; by default all.

    Returns
    -------
    Path
        A folder with these files, each with the sha256 of the registry.

    Raises
    ------
    ValueError
        If there is no such name or file, or what an address gives has another sha256. A file that
        was there before is then left as it was.
    ConnectionError
        If a file cannot be downloaded.
    ImportError
        If a file must be downloaded and pooch is not installed.

    Examples
    --------
    >>> from gru_lib.data.registry import fetch
    >>> fetch("jsb")
    Traceback (most recent call last):
    ...
    ValueError: there is no data set 'jsb'; did you mean 'jsb-chorales'?
    """
    entry = _entry(name)
    folder = data_folder() / entry.folder
    for path in entry.files if only is None else only:
        file = folder / path
        if not (file.is_file() and _sha256(file) == entry.files[path].sha256):
            _download(name, entry, path, file)
    return folder


def _download(name: str, entry: DataSet, path: str, file: Path) -> None:
    pooch = _pooch(f"the data set {name!r}")
    pooch.get_logger().setLevel("WARNING")  # it would write to stderr what it downloads
    url = entry.url(path)
    try:
        pooch.retrieve(
            url,
            known_hash=f"sha256:{entry.files[path].sha256}",
            fname=file.name,
            path=file.parent,
            downloader=pooch.HTTPDownloader(timeout=30),
        )
    except ValueError as error:
        raise ValueError(
            f"what {url} gives is not the data set {name!r}: its sha256 is another one. "
            "Nothing was stored."
        ) from error
    except OSError as error:
        raise ConnectionError(
            f"the data set {name!r} is not in {file.parent} and cannot be fetched from "
            f"{url} ({type(error).__name__}). With a network it is downloaded once; without "
            f"one, put the file there, or let {_VARIABLE} name a folder that has it."
        ) from error


def _entry(name: str) -> DataSet:
    if name in REGISTRY:
        return REGISTRY[name]
    near = [known for known in REGISTRY if str(name) in known]
    near = near or difflib.get_close_matches(str(name), REGISTRY, n=3, cutoff=0.4)
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
