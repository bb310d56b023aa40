"""Data that are fetched on request: found, downloaded, refused."""

import functools
import hashlib
import http.server
import sys
import threading
from dataclasses import replace

import pytest

from gru_lib.data import _download
from gru_lib.data.registry import (
    REGISTRY,
    DataFile,
    DataSet,
    check,
    data_folder,
    fetch,
    is_fetched,
)

CONTENT = b"some data"


@pytest.fixture
def server(tmp_path):
    """The address of a server on this machine, and the folder whose files it gives."""
    folder = tmp_path / "served"
    folder.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as serving:
        thread = threading.Thread(target=serving.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{serving.server_port}", folder
        serving.shutdown()
        thread.join()


@pytest.fixture
def entry(monkeypatch, tmp_path):
    """A data set of the test's own, in a folder of its own; its address is refused."""
    monkeypatch.setenv("GRU_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setattr(_download, "_WAITS", (0, 0, 0))
    file = DataFile("file.txt", len(CONTENT), hashlib.sha256(CONTENT).hexdigest())
    entry = replace(REGISTRY["jsb-chorales"], folder="set", files={"file.txt": file})
    monkeypatch.setitem(REGISTRY, "a-set", entry)
    monkeypatch.setattr(DataSet, "url", lambda self, file: f"http://127.0.0.1:9/{file}")
    return entry


def test_downloaded_once_and_then_without_a_network(entry, server, monkeypatch, tmp_path):
    address, folder = server
    (folder / "file.txt").write_bytes(CONTENT)
    monkeypatch.setattr(DataSet, "url", lambda self, file: f"{address}/{file}")
    assert fetch("a-set") == tmp_path / "data" / "set"
    assert (tmp_path / "data" / "set" / "file.txt").read_bytes() == CONTENT
    monkeypatch.setattr(DataSet, "url", lambda self, file: f"http://127.0.0.1:9/{file}")
    monkeypatch.setitem(sys.modules, "pooch", None)  # not even pooch is needed
    assert (fetch("a-set") / "file.txt").read_bytes() == CONTENT


def test_no_network(entry):
    with pytest.raises(ConnectionError, match=r"cannot be fetched.*GRU_DATA_DIR") as failure:
        fetch("a-set")
    assert "http://127.0.0.1:9/file.txt" in str(failure.value)
    assert not list(data_folder().rglob("*.txt"))


def test_an_address_that_gives_nothing(entry, server, monkeypatch):
    monkeypatch.setattr(DataSet, "url", lambda self, file: f"{server[0]}/{file}")
    with pytest.raises(ConnectionError, match="HTTPError"):
        fetch("a-set")


@pytest.mark.parametrize("before", [None, b"older"])
def test_another_content_is_refused_and_nothing_is_touched(entry, server, monkeypatch, before):
    address, folder = server
    (folder / "file.txt").write_bytes(b"changed")
    monkeypatch.setattr(DataSet, "url", lambda self, file: f"{address}/{file}")
    file = data_folder() / entry.folder / "file.txt"
    if before:
        file.parent.mkdir(parents=True)
        file.write_bytes(before)
    with pytest.raises(ValueError, match="of the data set 'a-set': its sha256 is another"):
        fetch("a-set")
    assert (file.read_bytes() if file.exists() else None) == before
    (folder / "file.txt").write_bytes(CONTENT)  # and a right one is still taken
    assert (fetch("a-set") / "file.txt").read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("jsb_chorales", "did you mean 'jsb-chorales'"),
        ("jsb", "did you mean 'jsb-chorales'"),
        ("weather in Vienna", "there are: jsb-chorales"),
    ],
)
@pytest.mark.parametrize("function", [fetch, is_fetched, check])
def test_unknown_names(function, name, message):
    with pytest.raises(ValueError, match=message):
        function(name)


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("stsa.binary.trian", r"'sst2' has no file 'stsa.binary.trian'; did you mean 'stsa.bin"),
        ("dev", "did you mean 'stsa.binary.dev'"),
        ("x", r"there are: stsa.binary.dev, stsa.binary.test, stsa.binary.train$"),
    ],
)
def test_unknown_files(file, message):
    with pytest.raises(ValueError, match=message):
        fetch("sst2", only=["stsa.binary.dev", file])


def test_one_of_many_files_lists_some():
    with pytest.raises(ValueError, match=r"there are: (\S+, ){10}\.\.\.$"):
        fetch("fsdd", only=["?"])


def test_a_single_name_is_no_list():
    with pytest.raises(TypeError, match=r"such as \['stsa.binary.dev'\]"):
        fetch("sst2", only="stsa.binary.dev")


def test_a_file_is_no_data_folder(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("GRU_DATA_DIR", str(tmp_path / "file"))
    for function in (fetch, is_fetched, check):
        with pytest.raises(NotADirectoryError, match=r"GRU_DATA_DIR is .*, a file; expected a fo"):
            function("sst2")


def test_without_pooch(entry, monkeypatch):
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(ImportError, match=r"pip install 'gru-lib\[data\]'"):
        fetch("a-set")


def test_without_the_variable_there_is_a_cache(monkeypatch):
    monkeypatch.delenv("GRU_DATA_DIR", raising=False)
    monkeypatch.setitem(sys.modules, "pooch", None)  # whoever only looks loads no progress bars
    assert data_folder().name == "what-is-a-gru"
    monkeypatch.setitem(sys.modules, "platformdirs", None)
    with pytest.raises(ImportError, match=r"pip install 'gru-lib\[data\]', or let GRU_DATA_DIR"):
        data_folder()


@pytest.mark.parametrize("name", REGISTRY)
def test_entries_are_complete(name):
    entry = REGISTRY[name]
    assert len(entry.commit) == 40 and len(entry.sha256) == 64
    assert entry.title and entry.licence and entry.citation and entry.files
    for path, file in entry.files.items():
        assert len(file.sha256) == 64 and file.bytes > 0
        url = entry.url(path)
        assert url.startswith(f"https://raw.githubusercontent.com/{entry.repository}/")
        assert entry.commit in url and url.endswith(file.source)
        for part in (entry.folder, path):
            assert not part.startswith("/") and ".." not in part


@pytest.mark.parametrize("name", REGISTRY)
def test_the_data_beside_the_clone_are_those(name, full_tier):
    folder = fetch(name)
    assert folder == full_tier / REGISTRY[name].folder
    assert all(
        (folder / path).stat().st_size == f.bytes for path, f in REGISTRY[name].files.items()
    )
