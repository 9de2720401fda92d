"""The package: importing it is cheap, and every public name is there."""

import importlib
import importlib.metadata
import json
import pkgutil
import subprocess
import sys

import pytest

import wormio

SUBPACKAGES = sorted(m.name for m in pkgutil.iter_modules(wormio.__path__, "wormio."))


def modules_after(code):
    """Return the modules that a fresh interpreter has loaded after running `code`."""
    code = f"import sys; before = set(sys.modules); {code}; import json; "
    code += "print(json.dumps(sorted(set(sys.modules) - before)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


def roots(modules):
    return {name.partition(".")[0] for name in modules}


HEAVY = {
    "h5py",
    "tifffile",
    "scipy",
    "matplotlib",
    "pytest",
    "hypothesis",
    "typer",
    "rich",
    "napari",
}


def test_importing_wormio_loads_nothing_but_itself():
    loaded = modules_after("import wormio")
    assert {name for name in loaded if name.startswith("wormio")} == {"wormio"}
    assert not roots(loaded) & (HEAVY | {"numpy", "attrs", "attr", "pluggy", "cffi"})


def test_listing_names_and_catching_errors_load_no_numpy():
    loaded = modules_after("import wormio; dir(wormio); wormio.errors.WormioError")
    assert not roots(loaded) & (HEAVY | {"numpy"})


def test_the_contract_is_there_without_any_format_library():
    loaded = modules_after("import wormio; wormio.Recording; wormio.combine; wormio.Timeline")
    assert not roots(loaded) & (HEAVY | {"pluggy"})
    assert not any(name.startswith(("wormio.formats", "wormio.registry")) for name in loaded)


def test_listing_formats_imports_no_reader():
    loaded = modules_after("import wormio; wormio.list_formats()")
    assert not roots(loaded) & HEAVY


@pytest.mark.parametrize("name", wormio.__all__)
def test_every_public_name_resolves(name):
    assert getattr(wormio, name) is not None
    assert name in dir(wormio)


@pytest.mark.parametrize("name", [m for m in SUBPACKAGES if not m.startswith("wormio._")])
def test_every_name_that_a_subpackage_offers_resolves(name):
    module = importlib.import_module(name)
    offered = getattr(module, "__all__", [])
    assert len(set(offered)) == len(offered)
    missing = [public for public in offered if not hasattr(module, public)]
    assert not missing


def test_public_names_are_those_of_their_home_and_listed_once():
    assert len(set(wormio.__all__)) == len(wormio.__all__)
    for home, names in wormio._HOMES.items():
        assert set(names) <= set(importlib.import_module(home).__all__), home


@pytest.mark.parametrize("name", ["opne", "Recordings", "_private", "numpy"])
def test_a_misspelt_name_is_an_attribute_error(name):
    assert not hasattr(wormio, name)
    with pytest.raises(AttributeError, match=f"'wormio' has no attribute '{name}'"):
        getattr(wormio, name)


@pytest.mark.parametrize("name", wormio._SUBPACKAGES)
def test_subpackages_are_reached_as_attributes(name):
    assert getattr(wormio, name).__name__ == f"wormio.{name}"


def test_the_version_is_that_of_the_distribution():
    assert wormio.__version__ == importlib.metadata.version("wormio")
