"""Plugins are loaded one by one: a broken one is reported and never breaks the host."""

import subprocess
import sys
import textwrap
from importlib import metadata
from types import SimpleNamespace

import pytest

from wormio.errors import ContractError, OptionError, PluginConflictError, PluginLoadError
from wormio.registry import (
    Confidence,
    Detection,
    Format,
    PluginRegistry,
    PositionReader,
    hookimpl,
    load_code,
)


def a_format(name="mylab", **changes):
    given = {"title": "", "opener": "lab.adapter:open", "detect": lambda probe: None}
    return Format(name=name, **(given | changes))


def a_reader(name="mylab-points"):
    return PositionReader(name=name, title="", patterns=["*.points"], reader="lab.points:read")


def plugin(*formats, readers=()):
    return SimpleNamespace(
        wormio_formats=hookimpl(lambda: formats, specname="wormio_formats"),
        wormio_position_readers=hookimpl(lambda: readers, specname="wormio_position_readers"),
    )


def names(registry):
    return [f.name for f in registry.formats]


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Install distributions of plugin modules, as pip would, on a path of their own."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(site)
    modules = []

    def install(distribution, entry, code, version="1.0"):
        module = f"fake_{distribution.replace('-', '_')}_{entry}"
        (site / f"{module}.py").write_text(PRELUDE + textwrap.dedent(code))
        info = site / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n"
        )
        (info / "entry_points.txt").write_text(f"[wormio]\n{entry} = {module}\n")
        modules.append(module)
        return site

    yield install
    for module in modules:
        sys.modules.pop(module, None)


PRELUDE = """\
from wormio.registry import Confidence, Detection, Format, PositionReader, hookimpl
def a_format(name="mylab", **changes):
    given = dict(title="", opener="lab.adapter:open", detect=lambda probe: None)
    return Format(name=name, **(given | changes))
"""
GOOD = """
    @hookimpl
    def wormio_formats():
        return [a_format("{name}")]
"""


def loaded():
    registry = PluginRegistry()
    registry.load_entry_points()
    return registry


def others(registry):
    """Return the names of the formats that are not wormio's own."""
    return [
        f.name for f in registry.formats if not registry.distribution(f.name).startswith("wormio ")
    ]


# --- through entry points ------------------------------------------------------------------------


def test_an_installed_distribution_is_found_and_named(install):
    install("lab-io", "lab", GOOD.format(name="mylab"), version="2.3")
    registry = loaded()
    assert others(registry) == ["mylab"]
    assert registry.distribution("mylab") == "lab-io 2.3"
    assert registry.failures == []


BROKEN = {
    "raises at import": ("raise RuntimeError('no licence')", "RuntimeError: no licence"),
    "exits at import": ("import sys; sys.exit('no GPU')", "no GPU"),
    "imports what is not there": ("import no_such_module_at_all", "no_such_module_at_all"),
    "misspells a hook": (
        """
        @hookimpl
        def wormio_format():
            return [a_format()]
        """,
        "wormio_format",
    ),
    "misspells one hook of two": (
        """
        @hookimpl
        def wormio_formats():
            return [a_format()]
        @hookimpl
        def wormio_position_reader():
            return []
        """,
        "wormio_position_reader",
    ),
    "asks for an argument": (
        """
        @hookimpl
        def wormio_formats(config):
            return [a_format()]
        """,
        "config",
    ),
    "has no hook": ("answer = 42", "no hook"),
    "raises in its hook": (
        """
        @hookimpl
        def wormio_formats():
            yield a_format()
            raise KeyError("half way")
        """,
        "half way",
    ),
    "returns nothing": (
        """
        @hookimpl
        def wormio_formats():
            pass
        """,
        "NoneType",
    ),
    "returns junk": (
        """
        @hookimpl
        def wormio_formats():
            return [a_format(), "a second format"]
        """,
        "a second format",
    ),
    "returns readers as formats": (
        """
        @hookimpl
        def wormio_formats():
            return [PositionReader(name="p", title="", patterns=["*"], reader="a:b")]
        """,
        "Format objects",
    ),
    "is for another contract": (
        """
        @hookimpl
        def wormio_formats():
            return [a_format(spec="2.0")]
        """,
        "2.0",
    ),
    "is for a newer contract": (
        """
        @hookimpl
        def wormio_formats():
            return [a_format(spec="1.9")]
        """,
        "1.9",
    ),
    "gives a name that is no slug": (
        """
        @hookimpl
        def wormio_formats():
            return [a_format("My Lab")]
        """,
        "My Lab",
    ),
    "claims one name twice": (
        """
        @hookimpl
        def wormio_formats():
            return [a_format(), a_format()]
        """,
        "'mylab' is taken",
    ),
    "claims wormio's own name": (
        """
        @hookimpl
        def wormio_formats():
            return [a_format("other"), a_format("leifer")]
        """,
        "'leifer' is taken",
    ),
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_plugin_is_kept_out_whole_and_the_others_work(how, install):
    code, message = BROKEN[how]
    install("broken-io", "broken", code, version="0.9")
    install("after-io", "zebra", GOOD.format(name="zebra"))
    install("before-io", "aardvark", GOOD.format(name="aardvark"))
    registry = loaded()
    assert others(registry) == ["aardvark", "zebra"]
    assert "leifer" in names(registry)
    assert registry.distribution("leifer").startswith("wormio ")
    (failure,) = registry.failures
    assert (failure.plugin, failure.distribution) == ("broken", "broken-io 0.9")
    assert message in str(failure)
    assert "broken (of broken-io 0.9)" in str(failure)
    # Its name is free again.
    registry.register(plugin(a_format()), "broken")
    assert "mylab" in names(registry)


def test_a_missing_format_names_the_plugins_that_could_not_be_loaded(install):
    install("broken-io", "broken", "raise RuntimeError('no licence')")
    with pytest.raises(OptionError, match=r"broken-io 1\.0(.|\n)*no licence"):
        loaded().get("mylab")


@pytest.mark.parametrize("order", [1, -1])
def test_of_two_plugins_with_one_format_name_the_same_one_wins_in_any_order(order, monkeypatch):
    for module, name in (("lab_one", "same"), ("lab_two", "same")):
        fake = plugin(a_format(name))
        fake.__name__ = module
        monkeypatch.setitem(sys.modules, module, fake)
    entries = [metadata.EntryPoint(n, m, "wormio") for n, m in (("a", "lab_one"), ("b", "lab_two"))]
    registry = PluginRegistry()
    registry.load_entry_points(entries[::order])
    assert names(registry) == ["same"]
    (failure,) = registry.failures
    assert failure.plugin == "b"
    assert isinstance(failure.error, PluginConflictError)


def test_a_conflict_names_both_distributions(install):
    install("first-io", "a", GOOD.format(name="same"), version="1.1")
    install("second-io", "b", GOOD.format(name="same"), version="2.2")
    (failure,) = loaded().failures
    assert "first-io 1.1" in str(failure)
    assert "second-io 2.2" in str(failure)


def test_two_distributions_with_one_entry_point_name_conflict_and_the_first_stays(install):
    install("first-io", "lab", GOOD.format(name="one"), version="1.1")
    install("second-io", "lab", GOOD.format(name="two"), version="2.2")
    registry = loaded()
    assert len(others(registry)) == 1
    (failure,) = registry.failures
    assert isinstance(failure.error, PluginConflictError)
    assert "first-io 1.1" in str(failure)
    assert "second-io 2.2" in str(failure)


def test_formats_come_sorted_whatever_the_order_of_registration():
    for order in (("b", "c", "a"), ("c", "a", "b")):
        registry = PluginRegistry()
        for name in order:
            registry.register(plugin(a_format(name), readers=[a_reader(name)]), f"plugin-{name}")
        assert names(registry) == ["a", "b", "c"]
        assert [r.name for r in registry.position_readers] == ["a", "b", "c"]


# --- environment ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, ["one", "two"]),
        ({"WORMIO_PLUGINS": ""}, []),
        ({"WORMIO_PLUGINS": "p2"}, ["two"]),
        ({"WORMIO_PLUGINS": " p2 , p1,unknown"}, ["one", "two"]),
        ({"WORMIO_DISABLE_PLUGINS": "p1"}, ["two"]),
        ({"WORMIO_DISABLE_PLUGINS": ""}, ["one", "two"]),
        ({"WORMIO_PLUGINS": "p1,p2", "WORMIO_DISABLE_PLUGINS": "p2"}, ["one"]),
    ],
)
def test_the_environment_says_which_plugins_are_loaded(install, monkeypatch, variables, expected):
    install("io-one", "p1", GOOD.format(name="one"))
    install("io-two", "p2", GOOD.format(name="two"))
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    registry = loaded()
    # A developer's own plugins, which no variable switches off here, are not looked at.
    assert [name for name in others(registry) if name in {"one", "two"}] == expected
    assert "leifer" in names(registry)


def test_a_plugin_that_is_switched_off_is_not_even_imported(install, monkeypatch):
    install("broken-io", "broken", "raise RuntimeError('no licence')")
    monkeypatch.setenv("WORMIO_DISABLE_PLUGINS", "broken")
    assert loaded().failures == []


def test_strict_plugins_let_the_first_failure_raise(install, monkeypatch):
    install("broken-io", "broken", "raise RuntimeError('no licence')")
    monkeypatch.setenv("WORMIO_STRICT_PLUGINS", "1")
    with pytest.raises(Exception, match="no licence"):
        loaded()
    monkeypatch.setenv("WORMIO_STRICT_PLUGINS", "0")
    assert len(loaded().failures) == 1


def test_an_installed_plugin_is_used_by_a_fresh_process(install, tmp_path):
    site = install(
        "lab-io",
        "lab",
        """
        @hookimpl
        def wormio_formats():
            return [
                a_format(
                    opener=__name__ + ":open",
                    detect=lambda p: Detection(Confidence.NAME, ["seen"]),
                )
            ]
        def open(path, options):
            import numpy, wormio.model as m
            return m.ArrayRecording.from_volumes(numpy.ones((2, 3, 1, 4, 5)))
        """,
    )
    path = tmp_path / "x.lab"
    path.touch()
    code = "import sys, wormio; print(wormio.open(sys.argv[1]).timeline.n_volumes)"
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)],
        env={"PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.returncode) == ("2\n", 0), done.stderr


# --- by hand -------------------------------------------------------------------------------------


def test_a_plugin_object_registers_once():
    registry = PluginRegistry()
    lab = plugin(a_format(), readers=[a_reader()])
    registry.register(lab, "lab")
    with pytest.raises(PluginConflictError, match="lab"):
        registry.register(plugin(a_format("other")), "lab")
    with pytest.raises(PluginLoadError):
        registry.register(lab, "again")
    assert names(registry) == ["mylab"]
    assert [r.name for r in registry.position_readers] == ["mylab-points"]
    assert registry.get("mylab").name == "mylab"


def test_a_reader_that_conflicts_takes_its_formats_down_with_it():
    registry = PluginRegistry()
    registry.register(plugin(readers=[a_reader()]), "first")
    with pytest.raises(PluginConflictError, match="'mylab-points' is taken"):
        registry.register(plugin(a_format("new"), readers=[a_reader()]), "second")
    assert names(registry) == []


# --- data objects --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["", "My", "my_lab", "my lab", "-a", "a-", "a--b", "1a", "é"])
def test_names_are_slugs(name):
    with pytest.raises(ContractError, match="slug"):
        a_format(name)


@pytest.mark.parametrize(
    "code", ["lab.adapter", "lab:", ":open", "lab:open()", "lab open", "a:b:c"]
)
def test_code_is_named_not_given(code):
    with pytest.raises(ContractError, match="must name its code"):
        a_format(opener=code)


def test_one_pattern_is_not_taken_for_its_letters():
    with pytest.raises(ContractError, match="one string"):
        PositionReader(name="p", title="", patterns="*.csv", reader="a:b")
    with pytest.raises(ContractError, match="one string"):
        Detection(Confidence.NAME, "the name")


@pytest.mark.parametrize("confidence", ["SIGNATURE", 0, 99, None])
def test_confidence_is_one_of_three(confidence):
    with pytest.raises(ValueError, match="Confidence"):
        Detection(confidence, [])


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("no_such_module_at_all:open", "ModuleNotFoundError"),
        ("os.path:no_such_function", "AttributeError"),
        ("lab_that_raises:open", "ZeroDivisionError"),
    ],
)
def test_code_that_cannot_be_loaded_names_itself_and_why(code, message, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "lab_that_raises.py").write_text("1 / 0")
    with pytest.raises(PluginLoadError, match=rf"{code}.*{message}") as caught:
        load_code(code)
    assert caught.value.__cause__ is not None
