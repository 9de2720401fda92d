"""Signals need the core alone: no extra, nothing printed, nothing left behind (acceptance A25)."""

import subprocess
import sys
from importlib.metadata import packages_distributions

PROGRAM = """
import sys, warnings
warnings.simplefilter("error")

class Refuse:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top in REFUSED:
            raise ModuleNotFoundError(f"{name} is an extra", name=name)

sys.meta_path.insert(0, Refuse())

import logging, os
import numpy as np
before = np.random.get_state()[1].tolist(), np.geterr(), os.getcwd(), dict(os.environ)
filters = list(warnings.filters)

import attrs
import wormio
from wormio.model import Channel, Events, EventStatus
from wormio.signal import Recipe, Signal, replay

rng = np.random.default_rng(0)
time = np.arange(250) * 0.2
decay = 100 * (0.6 + 0.4 * np.exp(-time / 20))[:, None]
motion = 1 + 0.1 * np.sin(time / 2)[:, None]
events = Events(count=[0, 1], frame=[0, 1], time=[20.0, 30.0], volume=[100, 150],
                duration=[0.5, 0.5], error_frames=[0, 0], status=[EventStatus.OK] * 2)

def channel(name):
    data = decay * motion * rng.normal(1, 0.02, (250, 2))
    data[rng.random(data.shape) < 0.05] = np.nan
    data[77, 1] *= 3
    return Signal(data=data, time=time, channel=Channel(name=name), events={"light": events})

def whole(raw):
    green, red = (raw[name].remove_infinities().remove_spikes().interpolate()
                  for name in ("green", "red"))
    red = red.correct_jumps().debleach(fallback="percentile")
    done = green.debleach(fallback="percentile").correct_motion(red, method=METHOD)
    done.noise(), done.snr(), done.derivative(window=7)
    done = done.dff("rolling_percentile").smooth("causal", 13, 1)
    done.around("light", 5, 10, align="interp").subtract_baseline(-5, 0).average()
    done.blocks("light").trim()
    assert replay(done.history, raw["green"], [raw["red"]]).digest == done.digest
    return done

raw = {name: channel(name) for name in ("green", "red")}
made = {}
for METHOD in ("regression", "ratio", "ica", "tmac", "regression"):
    first = whole(raw)
    assert made.setdefault(METHOD, first.digest) == first.digest  # nothing is remembered
wormio.save(sys.argv[1], {"done": first})
assert wormio.load(sys.argv[1])["done"] == first
Recipe.parse('[[step]]\\nname = "interpolate"').apply(raw)
repr(first), first._repr_html_()

assert before == (np.random.get_state()[1].tolist(), np.geterr(), os.getcwd(), dict(os.environ))
assert not logging.getLogger().handlers
assert all(not isinstance(h, logging.StreamHandler)
           for name in logging.root.manager.loggerDict if name.startswith("wormio")
           for h in logging.getLogger(name).handlers)
sys.stderr.write(",".join(sorted({name.partition(".")[0] for name in sys.modules})))
"""

CORE = {"pluggy", "numpy", "scipy", "tifffile", "h5py", "cffi", "attrs", "typer", "rich"}


def test_every_step_runs_on_the_core_alone_and_leaves_nothing_behind(tmp_path):
    """Whatever else is installed here cannot be imported there."""
    refused = {
        module
        for module, distributions in packages_distributions().items()
        if not CORE & {name.lower() for name in distributions}
        and not {"wormio", "setuptools"} & {name.lower() for name in distributions}
    }
    needed = {"_cffi_backend", "attr", "scipy", "packaging"}  # of the core's own distributions
    program = f"REFUSED = {sorted(refused - needed)!r}\n" + PROGRAM
    done = subprocess.run(
        [sys.executable, "-c", program, tmp_path / "done.h5"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout == ""
    assert refused - needed
    *logged, loaded = done.stderr.splitlines()
    assert not logged
    assert not set(loaded.split(",")) & refused - needed
