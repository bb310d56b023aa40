"""Downloads that break off, go on, are refused or find no room, from a server on this machine."""

import errno
import hashlib
import http.server
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pooch
import pytest

from gru_lib.data import _download
from gru_lib.data.__main__ import main
from gru_lib.data.registry import REGISTRY, DataFile, DataSet, check, fetch, is_fetched

ROOT = Path(__file__).resolve().parents[2]
CONTENT = {f"{name}.bin": name.encode() * 30_000 for name in "abc"}


class Server(http.server.ThreadingHTTPServer):
    """Gives files from memory, and does to its clients what servers and networks do."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = dict(CONTENT)
        #: Bytes after which an answer breaks off.
        self.cut_after = None
        #: How many answers break off; the rest are complete.
        self.cuts = 10**6
        #: Statuses of the next answers, instead of content.
        self.statuses = []
        self.takes_ranges = True
        self.says_length = True
        #: Seconds before each 8 kB.
        self.slow = 0
        #: (path, Range) of each request, and how many connections there were.
        self.asked = []
        self.connections = 0

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server_port}"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def setup(self):
        super().setup()
        self.server.connections += 1

    def do_GET(self):
        server = self.server
        path, wish = self.path.strip("/"), self.headers.get("Range")
        server.asked.append((path, wish))
        assert self.headers["Accept-Encoding"] == "identity"
        if server.statuses:
            status = server.statuses.pop(0)
            self.send_response(status)
            self.send_header("Content-Length", "0")
            if status == 429:
                self.send_header("Retry-After", "0")
            return self.end_headers()
        content, first = server.files[path], 0
        if wish and server.takes_ranges:
            first = int(re.fullmatch(r"bytes=(\d+)-", wish)[1])
            if first >= len(content):
                self.send_response(416)
                self.send_header("Content-Length", "0")
                return self.end_headers()
            self.send_response(206)
            total = len(content)
            self.send_header("Content-Range", f"bytes {first}-{total - 1}/{total}")
        else:
            self.send_response(200)
        body = content[first:]
        if server.says_length:
            self.send_header("Content-Length", str(len(body)))
        else:
            self.close_connection = True
        self.end_headers()
        if server.cut_after is not None and server.cuts and len(body) > server.cut_after:
            server.cuts -= 1
            body, self.close_connection = body[: server.cut_after], True
        for start in range(0, len(body), 8192):
            time.sleep(server.slow)
            self.wfile.write(body[start : start + 8192])
        return None

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server(monkeypatch, tmp_path):
    """A server with the three files of the data set "three", which an empty folder waits for."""
    monkeypatch.setenv("GRU_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setattr(_download, "_WAITS", (0, 0, 0))
    with Server() as serving:
        thread = threading.Thread(target=serving.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        monkeypatch.setattr(DataSet, "url", lambda self, file: f"{serving.address}/{file}")
        monkeypatch.setitem(REGISTRY, "three", data_set(CONTENT))
        yield serving
        serving.shutdown()
        thread.join()


def data_set(content):
    files = {
        name: DataFile(name, len(data), hashlib.sha256(data).hexdigest())
        for name, data in content.items()
    }
    return replace(REGISTRY["jsb-chorales"], folder="three", files=files)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "data" / "three"


def lying(folder):
    """What lies in a folder, by name."""
    return {path.name: path.read_bytes() for path in folder.iterdir()} if folder.exists() else {}


def begin(folder, data, name="a.bin"):
    """Leave part of a file behind, as a download that broke off does."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.part").write_bytes(data)


# --- what goes well -------------------------------------------------------------------------


def test_all_files_come_over_one_connection_and_only_once(server, folder, capsys):
    assert fetch("three") == folder
    assert lying(folder) == CONTENT and is_fetched("three")
    assert server.connections == 1
    made = folder / "made"
    made.touch()  # whoever may read other new files may read these
    assert {path.stat().st_mode for path in folder.iterdir()} == {made.stat().st_mode}
    made.unlink()
    assert capsys.readouterr().out == f"fetched three: 3 files, 90 kB, into {folder}\n"
    fetch("three")
    assert len(server.asked) == 3 and capsys.readouterr().out == ""


def test_without_progress_nothing_is_said(server, folder, capsys):
    fetch("three", progress=False)
    assert lying(folder) == CONTENT
    assert capsys.readouterr() == ("", "")


def test_on_a_terminal_a_bar_counts_the_bytes_of_all_files(server, folder, capsys, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    server.slow, server.cut_after, server.cuts = 0.05, 20_000, 1
    fetch("three")
    said = capsys.readouterr().out
    shares = [int(share) for share in re.findall(r"three: +(\d+)%", said)]
    assert shares == sorted(shares) and 0 < shares[-1] <= 100 and len(set(shares)) > 2
    assert "/90.0k" in said and said.endswith(f"into {folder}\n")


def test_only_some_files(server, folder):
    fetch("three", only=["b.bin"])
    assert set(lying(folder)) == {"b.bin"} and not is_fetched("three")
    fetch("three")
    assert [path for path, _ in server.asked] == ["b.bin", "a.bin", "c.bin"]


def test_a_complete_folder_is_only_read(server, folder, monkeypatch):
    fetch("three")
    before = {path: path.stat().st_mtime_ns for path in (folder, *folder.iterdir())}
    folder.chmod(0o500)  # whoever is root may write all the same; so the times are compared
    monkeypatch.setitem(sys.modules, "pooch", None)
    fetch("three")
    assert check("three").complete == list(CONTENT)
    folder.chmod(0o700)
    assert {path: path.stat().st_mtime_ns for path in (folder, *folder.iterdir())} == before


# --- what breaks off ------------------------------------------------------------------------


def test_a_set_goes_on_with_the_files_that_are_missing(server, folder):
    server.files["c.bin"] = b"changed"
    with pytest.raises(ValueError, match=r"c\.bin"):
        fetch("three")
    assert set(lying(folder)) == {"a.bin", "b.bin"}
    server.files, server.asked = dict(CONTENT), []
    fetch("three")
    assert server.asked == [("c.bin", None)]


def test_a_file_goes_on_where_it_stopped(server, folder):
    begin(folder, CONTENT["a.bin"][:12_345])
    assert not is_fetched("three") and check("three").missing == list(CONTENT)
    fetch("three", only=["a.bin"])
    assert server.asked == [("a.bin", "bytes=12345-")]
    assert lying(folder) == {"a.bin": CONTENT["a.bin"]}


@pytest.mark.parametrize("says_length", [True, False])
def test_a_server_that_closes_early_is_asked_for_the_rest(server, folder, says_length):
    server.cut_after, server.says_length = 16_384, says_length
    fetch("three", only=["a.bin"])
    wishes = [wish for _, wish in server.asked]
    assert wishes[0] is None and len(wishes) == 2 and wishes[1].startswith("bytes=")
    assert lying(folder) == {"a.bin": CONTENT["a.bin"]}


def test_a_broken_download_leaves_what_has_come(server, folder, monkeypatch):
    def then_vanish(seconds):
        server.statuses = [404]

    monkeypatch.setattr(_download, "time", SimpleNamespace(sleep=then_vanish))
    server.cut_after = 16_384
    with pytest.raises(ConnectionError, match=r"HTTPError, 404.*what has come so far stays"):
        fetch("three", only=["a.bin"])
    assert lying(folder) == {"a.bin.part": CONTENT["a.bin"][:16_384]}
    assert not is_fetched("three")
    server.asked = []
    fetch("three", only=["a.bin"])
    assert server.asked == [("a.bin", "bytes=16384-")]


def test_tries_without_a_further_byte_are_counted(server, folder):
    server.statuses = [503] * 4
    with pytest.raises(ConnectionError, match="HTTPError, 503"):
        fetch("three")
    assert len(server.asked) == 4 and lying(folder) == {}
    server.statuses = [429, 500, 504]
    assert lying(fetch("three")) == CONTENT


def test_waits_grow_unless_the_server_says_how_long(server, monkeypatch):
    waited = []
    monkeypatch.setattr(_download, "_WAITS", (1, 2, 4))
    monkeypatch.setattr(_download, "time", SimpleNamespace(sleep=waited.append))
    server.statuses = [503, 429, 502]
    fetch("three", only=["a.bin"])
    assert waited == [1, 0, 4]


def test_what_is_not_there_is_asked_for_once(server):
    server.statuses = [404] * 3
    with pytest.raises(ConnectionError, match=r"'a\.bin' cannot be .*HTTPError, 404"):
        fetch("three")
    assert len(server.asked) == 1


@pytest.mark.parametrize("refuses", [True, False])
def test_a_server_without_ranges_starts_over(server, folder, refuses):
    begin(folder, CONTENT["a.bin"][:10_000])
    if refuses:
        server.statuses = [416]
    else:
        server.takes_ranges = False
    fetch("three", only=["a.bin"])
    assert lying(folder) == {"a.bin": CONTENT["a.bin"]}
    assert [wish for _, wish in server.asked] == ["bytes=10000-", *[None] * refuses]


def test_a_part_that_nobody_asked_for_is_not_taken(server, folder):
    server.statuses = [206] * 50
    with pytest.raises(ConnectionError, match=r"cannot be fetched"):
        fetch("three", only=["a.bin"])
    assert lying(folder) == {} and len(server.asked) == 4
    server.statuses = [206]
    fetch("three", only=["a.bin"])
    assert lying(folder) == {"a.bin": CONTENT["a.bin"]}


@pytest.mark.parametrize("length", [10_000, 30_000, 31_000])
def test_a_wrong_part_is_thrown_away_and_tried_once_from_zero(server, folder, length):
    begin(folder, b"x" * length)
    fetch("three", only=["a.bin"])
    assert lying(folder) == {"a.bin": CONTENT["a.bin"]}
    assert server.asked[-1] == ("a.bin", None) and len(server.asked) <= 2


def test_a_wrong_part_and_a_changed_file_end(server, folder):
    begin(folder, b"x" * 10_000)
    server.files["a.bin"] = b"y" * 30_000
    with pytest.raises(ValueError, match="its sha256 is another one"):
        fetch("three", only=["a.bin"])
    assert len(server.asked) == 2 and lying(folder) == {}


@pytest.mark.parametrize("says_length", [True, False])
@pytest.mark.parametrize("length", [7, 30_000, 50_000])
def test_a_changed_file_is_refused_and_the_old_one_kept(server, folder, length, says_length):
    if not says_length and length == 7:
        pytest.skip("looks like a connection that broke off")
    folder.mkdir(parents=True)
    (folder / "a.bin").write_bytes(b"older")
    server.files["a.bin"], server.says_length = b"y" * length, says_length
    with pytest.raises(ValueError, match=r"is not the file 'a\.bin' of the data set 'three'"):
        fetch("three")
    assert lying(folder) == {"a.bin": b"older"}


def test_a_short_answer_that_names_no_length_is_a_broken_connection(server, folder):
    server.files["a.bin"], server.says_length = b"y" * 7, False
    with pytest.raises(ConnectionError, match="cannot be fetched"):
        fetch("three")
    assert set(lying(folder)) <= {"a.bin.part"}


def test_an_interrupt_leaves_a_part_and_says_so(server, folder, monkeypatch):
    write, pieces = _download.Receiver._write, []

    def interrupted(self, response, file):
        def show(position):
            pieces.append(position)
            if len(pieces) == 3:
                raise KeyboardInterrupt

        self.on_position = show
        write(self, response, file)

    monkeypatch.setattr(_download.Receiver, "_write", interrupted)
    with pytest.raises(KeyboardInterrupt) as stop:
        fetch("three")
    assert "'three' is not complete yet. What has come stays in" in stop.value.__notes__[0]
    assert lying(folder) == {"a.bin.part": CONTENT["a.bin"][: pieces[-1]]}
    monkeypatch.setattr(_download.Receiver, "_write", write)
    server.asked = []
    assert lying(fetch("three")) == CONTENT
    assert server.asked[0] == ("a.bin", f"bytes={pieces[-1]}-")


# --- where it cannot be written -------------------------------------------------------------


@pytest.mark.parametrize("number", _download.DISK_FULL)
def test_a_full_disk(server, folder, monkeypatch, number):
    fetch("three", only=["a.bin"])

    class Full:
        """The partial file on a disk with room for 20,000 bytes more."""

        def __init__(self, file):
            self.file = file

        def __getattr__(self, name):
            return getattr(self.file, name)

        def __enter__(self):
            return self

        def __exit__(self, *error):
            self.file.close()

        def write(self, data):
            if self.file.tell() + len(data) > 20_000:
                raise OSError(number, os.strerror(number))
            return self.file.write(data)

    claim = _download._claim
    monkeypatch.setattr(_download, "_claim", lambda partial: Full(claim(partial)))
    with pytest.raises(OSError, match=r"is full; the data set 'three' needs 60 kB more") as full:
        fetch("three")
    assert full.value.errno == number and str(folder) in str(full.value)
    assert "the one that did not fit was removed" in str(full.value)
    assert lying(folder) == {"a.bin": CONTENT["a.bin"]}
    monkeypatch.setattr(_download, "_claim", claim)
    assert lying(fetch("three")) == CONTENT


def test_a_disk_too_full_for_a_new_file(server, monkeypatch):
    def no_room(*arguments, **options):
        raise OSError(errno.ENOSPC, "no space left on device")

    monkeypatch.setattr(pooch.utils.tempfile, "NamedTemporaryFile", no_room)
    with pytest.raises(OSError, match="is full; the data set 'three' needs 90 kB more"):
        fetch("three")


def test_a_folder_that_may_not_be_written_to(server, folder, monkeypatch):
    def forbidden(*arguments, **options):
        raise PermissionError(errno.EACCES, "permission denied")

    folder.mkdir(parents=True)
    monkeypatch.setattr(pooch.utils.tempfile, "NamedTemporaryFile", forbidden)
    with pytest.raises(PermissionError, match=r"cannot be written to .*GRU_DATA_DIR name a fold"):
        fetch("three")


def test_a_folder_that_cannot_be_made(server, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("GRU_DATA_DIR", str(tmp_path / "file" / "data"))
    with pytest.raises(OSError, match=r"cannot be written to .*NotADirectoryError"):
        fetch("three")


# --- two at once ----------------------------------------------------------------------------


def test_many_at_once_all_get_whole_files(server, folder):
    server.slow = 0.003
    with ThreadPoolExecutor(6) as pool:
        done = [pool.submit(fetch, "three", progress=False) for _ in range(6)]
        assert all(one.result() == folder for one in done)
    assert lying(folder) == CONTENT


def test_a_part_that_another_process_writes_is_left_alone(server, folder):
    begin(folder, b"")
    with _download._claim(folder / "a.bin.part"):
        fetch("three", only=["a.bin"])
        assert lying(folder) == {"a.bin": CONTENT["a.bin"], "a.bin.part": b""}


def test_a_part_that_was_put_in_place_meanwhile_is_not_written_to(server, folder, monkeypatch):
    begin(folder, CONTENT["a.bin"])

    def late(file, how):  # the other process is ready between opening and locking
        (folder / "a.bin.part").rename(folder / "a.bin")

    monkeypatch.setattr(_download.fcntl, "flock", late)
    assert _download._claim(folder / "a.bin.part") is None
    assert lying(folder) == {"a.bin": CONTENT["a.bin"]}


def test_without_locks_nothing_is_resumed(server, folder, monkeypatch):
    monkeypatch.setattr(_download, "fcntl", None)
    begin(folder, CONTENT["a.bin"][:10_000])
    fetch("three", only=["a.bin"])
    assert server.asked == [("a.bin", None)]
    assert lying(folder)["a.bin"] == CONTENT["a.bin"]


# --- the command line -----------------------------------------------------------------------


def test_list_says_what_is_here(server, folder, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "90")
    fetch("three", only=["a.bin"], progress=False)
    assert main(["list"]) == 0
    said = capsys.readouterr().out
    assert max(map(len, said.splitlines()[1:])) <= 90
    assert re.search(r"^three +3 +0\.1 +1 of 3 ", said, re.MULTILINE)
    assert re.search(r"^fsdd +1,500 +10\.6 +no +spoken digits", said, re.MULTILINE)
    text = " ".join(said.split())
    for entry in REGISTRY.values():
        assert entry.licence in text
    fetch("three", progress=False)
    main(["list"])
    assert re.search(r"^three +3 +0\.1 +yes ", capsys.readouterr().out, re.MULTILINE)


def test_fetch_and_check(server, folder, capsys):
    assert main(["check", "three"]) == 1
    assert capsys.readouterr().out == "three: not here\n"
    assert main(["fetch", "three"]) == 0
    assert capsys.readouterr().out.endswith(f"three is complete in {folder}\n")
    assert main(["check", "three"]) == 0
    assert capsys.readouterr().out == "three: complete, 3 files with the right sha256\n"
    (folder / "a.bin").write_bytes(b"x" * 30_000)
    (folder / "b.bin").unlink()
    assert main(["check", "three"]) == 1
    assert capsys.readouterr().out == "three: 1 missing (b.bin); 1 damaged (a.bin)\n"
    assert main(["fetch", "three"]) == 0 and lying(folder) == CONTENT


def test_check_of_all_sets_minds_damage_only(server, folder, capsys):
    fetch("three", only=["a.bin"])
    assert main(["check"]) == 0
    said = capsys.readouterr().out
    assert "three: 2 missing (b.bin, c.bin)\n" in said and "fsdd: not here\n" in said
    (folder / "a.bin").write_bytes(b"short")
    assert main(["check"]) == 1
    assert "1 damaged (a.bin)" in capsys.readouterr().out


def test_many_missing_files_are_counted(server, tmp_path, capsys):
    (tmp_path / "data" / "fsdd" / "recordings").mkdir(parents=True)
    name = next(iter(REGISTRY["fsdd"].files))
    (tmp_path / "data" / "fsdd" / name).parent.mkdir(exist_ok=True)
    (tmp_path / "data" / "fsdd" / name).write_bytes(b"damaged")
    assert main(["check", "fsdd"]) == 1
    assert re.search(r"1,499 missing \((\S+, ){4}\S+ and 1,494 more\)", capsys.readouterr().out)


def test_an_unknown_name_ends_it_before_anything_is_fetched(server, folder, capsys):
    assert main(["fetch", "three", "thre"]) == 1
    assert capsys.readouterr().err == (
        "gru_lib.data: there is no data set 'thre'; did you mean 'three'?\n"
    )
    assert server.asked == [] and lying(folder) == {}


def run(*arguments, **variables):
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


# python -m gru_lib.data, with the data set "three" at the server of this test
SCRIPT = """
import json, os, sys
from gru_lib.data import registry
from gru_lib.data.__main__ import main
files = {n: registry.DataFile(**f) for n, f in json.loads(os.environ["FILES"]).items()}
entry = registry.DataSet("three", "a/b", "0", "none", "nobody", "three", files)
registry.REGISTRY["three"] = entry
registry.DataSet.url = lambda self, file: os.environ["ADDRESS"] + "/" + file
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture
def variables(server):
    files = {name: vars(file) for name, file in REGISTRY["three"].files.items()}
    return {"FILES": json.dumps(files), "ADDRESS": server.address}


def test_a_process_that_is_interrupted_and_one_that_goes_on(server, folder, variables):
    server.slow = 0.1
    first = run("fetch", "three", **variables)
    part = folder / "a.bin.part"
    until = time.monotonic() + 30
    while not (part.exists() and part.stat().st_size) and time.monotonic() < until:
        time.sleep(0.01)
    first.send_signal(signal.SIGINT)
    out, err = first.communicate(timeout=30)
    assert first.returncode == 130, err
    assert "interrupted. The data set 'three' is not complete yet" in err and not out.strip()
    assert "Traceback" not in err
    came = part.stat().st_size
    assert 0 < came < 30_000
    server.slow, server.asked = 0, []
    second = run("fetch", "three", **variables)
    assert second.communicate(timeout=30)[0].endswith(f"three is complete in {folder}\n")
    assert second.returncode == 0
    assert server.asked[0] == ("a.bin", f"bytes={came}-")
    assert lying(folder) == CONTENT


def test_two_processes_at_once(server, folder, variables):
    server.slow = 0.05
    both = [run("fetch", "three", **variables) for _ in range(2)]
    errors = [one.communicate(timeout=60)[1] for one in both]
    assert [one.returncode for one in both] == [0, 0], errors
    assert lying(folder) == CONTENT
    assert Counter(path for path, _ in server.asked).keys() == CONTENT.keys()


def test_the_command_as_it_is_typed(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "gru_lib.data", "check", "jsb"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "GRU_DATA_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr == "gru_lib.data: there is no data set 'jsb'; did you mean 'jsb-chorales'?\n"
