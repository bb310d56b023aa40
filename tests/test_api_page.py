"""The API pages: no room and no public name is missing, and every docstring says what it must."""

import ast
import importlib
import inspect
import pkgutil
import re
import textwrap
from pathlib import Path

import pytest
import yaml
from sphinx.pycode import ModuleAnalyzer

import gru_lib
from gru_lib import plots

ROOT = Path(__file__).resolve().parents[1]
PAGES = ROOT / "book" / "api"


def rooms() -> list[str]:
    """Every public module of the library; of the folder ``data``, the modules in it."""
    names = [module.name for module in pkgutil.iter_modules(gru_lib.__path__)]
    folder = [f"data.{module.name}" for module in pkgutil.iter_modules([_path("data")])]
    names = [name for name in names if name != "data"] + folder
    return sorted(name for name in names if not name.split(".")[-1].startswith("_"))


def _path(name: str) -> str:
    return str(Path(gru_lib.__path__[0], name))


def module_of(room: str):
    return importlib.import_module(f"gru_lib.{room}")


def page_of(room: str) -> str:
    """The address of a room's page, without its ending."""
    return f"book/api/{room.replace('.', '-')}"


def public_names(module) -> list[str]:
    """What ``__all__`` lists or, without it, what the module defines without an underscore."""
    if hasattr(module, "__all__"):
        return list(module.__all__)
    names = []
    for node in ast.parse(inspect.getsource(module)).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.append(node.name)
        targets = getattr(node, "targets", [getattr(node, "target", None)])
        names += [target.id for target in targets if isinstance(target, ast.Name)]
    return [name for name in names if not name.startswith("_")]


def public_objects(room: str) -> dict:
    """The public names of a room and what they stand for, without what a decorator put around."""
    module = module_of(room)
    return {name: inspect.unwrap(getattr(module, name)) for name in public_names(module)}


def is_documented_by_itself(thing) -> bool:
    return inspect.isfunction(thing) or inspect.isclass(thing)


def is_exception(thing) -> bool:
    return inspect.isclass(thing) and issubclass(thing, BaseException)


FUNCTIONS_AND_CLASSES = [
    pytest.param(thing, id=f"{room}.{name}")
    for room in rooms()
    for name, thing in public_objects(room).items()
    if is_documented_by_itself(thing)
]

# --- the pages ------------------------------------------------------------------------------


def test_the_rooms_are_found():
    assert {"numpy_gru", "plots", "data.text", "exercises"} <= set(rooms())
    assert not any(room in ("data", "_checks") for room in rooms())


def test_public_names_are_found():
    assert "gru_step" in public_names(module_of("numpy_gru"))
    assert {"COLORS", "plot_gates"} <= set(public_names(module_of("plots")))
    assert public_names(module_of("exercises")) == module_of("exercises").__all__
    names = {name for room in rooms() for name in public_names(module_of(room))}
    assert names.isdisjoint({"np", "ArrayLike", "Sequence", "require_place"})


@pytest.mark.parametrize("room", rooms())
def test_a_room_has_a_page_in_the_contents_and_in_the_list(room):
    page = (ROOT / page_of(room)).with_suffix(".md").read_text(encoding="utf-8")
    assert page.startswith(f"# {room}\n")
    assert f".. automodule:: gru_lib.{room}\n" in page
    contents = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    (sections,) = (
        chapter["sections"]
        for part in contents["parts"]
        for chapter in part["chapters"]
        if chapter["file"] == "book/api"
    )
    assert {"file": page_of(room)} in sections
    listed = (ROOT / "book" / "api.md").read_text(encoding="utf-8")
    assert f"[{room}]({page_of(room).removeprefix('book/')})" in listed


def test_no_page_has_lost_its_room():
    assert sorted(path.stem for path in PAGES.glob("*.md")) == sorted(
        page_of(room).rsplit("/", 1)[1] for room in rooms()
    )


@pytest.mark.parametrize("room", rooms())
def test_a_room_says_what_it_is_and_a_folder_lists_its_names(room):
    module = module_of(room)
    assert re.match(r"\S.*[.?]$", module.__doc__.splitlines()[0])
    assert public_names(module)
    assert not hasattr(module, "__path__") or hasattr(module, "__all__")


@pytest.mark.parametrize("room", rooms())
def test_constants_have_a_line_of_documentation(room):
    module = module_of(room)
    comments = ModuleAnalyzer.for_module(module.__name__).find_attr_docs()
    things = public_objects(room)
    constants = [name for name in things if not is_documented_by_itself(things[name])]
    bare = [name for name in constants if ("", name) not in comments]
    assert not bare, f"write `#: ...` above {bare}; Sphinx leaves out what has no documentation"


# --- docstrings -----------------------------------------------------------------------------


def sections_of(docstring: str) -> dict[str, str]:
    """The sections of a NumPy-style docstring; what stands before them is called "Summary"."""
    parts = re.split(r"^([A-Z][A-Za-z ]+)\n-{3,}\n", inspect.cleandoc(docstring), flags=re.M)
    return {"Summary": parts[0], **dict(zip(parts[1::2], parts[2::2], strict=True))}


def described_parameters(section: str) -> list[str]:
    heads = re.findall(r"^(\S.*?)(?: : .*)?$", section, flags=re.M)
    return [name.strip().lstrip("*\\") for head in heads for name in head.split(",")]


def parameters_of(thing) -> list[str]:
    return [name for name in inspect.signature(thing).parameters if name not in ("self", "cls")]


def raises_something(thing) -> bool:
    """Whether calling it runs into ``raise``, in its own body, or a check (``require_...``)."""
    (body,) = ast.parse(textwrap.dedent(inspect.getsource(thing))).body
    if isinstance(body, ast.ClassDef):
        starts = ("__init__", "__post_init__")
        bodies = [part for part in body.body if getattr(part, "name", None) in starts]
    else:
        bodies = [body]
    for node in (node for body in bodies for node in ast.walk(body)):
        if isinstance(node, ast.Raise):
            return True
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if name.startswith(("require_", "_require_")):
                return True
    return False


def problems_of(thing) -> list[str]:
    """What the docstring of a function or class lacks."""
    sections = sections_of(thing.__doc__ or "")
    problems = []
    if not re.match(r"\S.*[.?:]$", sections["Summary"].split("\n\n")[0].strip(), flags=re.S):
        problems.append("no summary that ends in a full stop")
    if ">>> " not in sections.get("Examples", ""):
        problems.append("no Examples with >>>")
    if not is_exception(thing):
        described = described_parameters(sections.get("Parameters", ""))
        if sorted(described) != sorted(parameters_of(thing)):
            problems.append(f"Parameters describes {described}; it takes {parameters_of(thing)}")
    if inspect.isfunction(thing):
        returned = inspect.signature(thing).return_annotation
        if returned is inspect.Signature.empty:
            problems.append("no type of what it returns")
        elif returned is not None and not {"Returns", "Yields"} & set(sections):
            problems.append("no Returns")
    if raises_something(thing) and "Raises" not in sections:
        problems.append("no Raises")
    return problems


@pytest.mark.parametrize("thing", FUNCTIONS_AND_CLASSES)
def test_a_docstring_says_all_it_must(thing):
    assert problems_of(thing) == []


@pytest.mark.parametrize(
    "owner", [param for param in FUNCTIONS_AND_CLASSES if inspect.isclass(param.values[0])]
)
def test_public_methods_have_a_docstring_that_fits(owner):
    attributes = described_parameters(sections_of(owner.__doc__ or "").get("Attributes", ""))
    for name, member in vars(owner).items():
        function = getattr(member, "fget", None) or getattr(member, "__func__", member)
        if not inspect.isfunction(function) or (name.startswith("_") and name != "__call__"):
            continue
        if function.__module__ != owner.__module__:  # made by dataclass or NamedTuple
            continue
        if isinstance(member, property) and name in attributes:
            continue
        assert function.__doc__, f"{name} has no docstring"
        section = sections_of(function.__doc__).get("Parameters")
        if section is not None:
            assert sorted(described_parameters(section)) == sorted(parameters_of(function)), name


# --- the checks themselves ------------------------------------------------------------------


def good(first: int, second: int = 0, *rest: int) -> int:
    """One sentence.

    Parameters
    ----------
    first, second : int
        Numbers.
    *rest : int
        More of them.

    Returns
    -------
    int

    Raises
    ------
    ValueError
        Sometimes.

    Examples
    --------
    >>> good(1)
    1
    """
    if second < 0:
        raise ValueError
    return first + second + sum(rest)


DEFECTS = {
    "One sentence.": ("", "no summary"),
    ">>> good(1)": ("good(1)", "no Examples"),
    "Examples\n": ("Samples\n", "no Examples"),
    "first, second": ("first", "Parameters describes ['first', 'rest']"),
    "first, ": ("zeroth, first, ", "Parameters describes ['zeroth', 'first', 'second', 'rest']"),
    "*rest": ("others", "Parameters describes ['first', 'second', 'others']"),
    "Returns\n": ("Gives\n", "no Returns"),
    "Raises\n": ("Throws\n", "no Raises"),
}


def test_a_good_docstring_has_no_problems():
    assert problems_of(good) == []


@pytest.mark.parametrize("found", DEFECTS)
def test_a_planted_defect_is_seen(found, monkeypatch):
    replacement, message = DEFECTS[found]
    assert found in good.__doc__
    monkeypatch.setattr(good, "__doc__", good.__doc__.replace(found, replacement, 1))
    assert any(problem.startswith(message) for problem in problems_of(good)), problems_of(good)


def test_a_missing_return_type_is_seen(monkeypatch):
    monkeypatch.delitem(good.__annotations__, "return")
    assert problems_of(good) == ["no type of what it returns"]


class Checked:
    """Raises when it is made."""

    def __init__(self, value):
        plots.require_place("value", value, 3, "places")


class Careless:
    """Raises later."""

    def __init__(self, value):
        self.value = value

    def later(self):
        raise ValueError


def test_a_check_counts_as_raising():
    assert raises_something(Checked)
    assert raises_something(Checked.__init__)
    assert not raises_something(Careless)
    assert raises_something(Careless.later)
