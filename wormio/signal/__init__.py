"""Traces of neurons with their events and their whole history.

`Signal` is one channel of one recording, volumes by neurons. Steps are pure: each returns a new
`Signal` that shares what did not change and remembers what was done. A further step is one module
with a function of a `Signal`, and one method that calls it.
"""

from wormio.signal.average import Average
from wormio.signal.bleaching import BleachingFit, fit_bleaching
from wormio.signal.blocks import Blocks
from wormio.signal.datasets import DataSet, read_dataset_list
from wormio.signal.files import load, save
from wormio.signal.history import Step
from wormio.signal.irregular import IrregularArray
from wormio.signal.provenance import Provenance
from wormio.signal.recipe import Recipe, RecipeStep, read_recipe, recipe_of
from wormio.signal.replaying import replay
from wormio.signal.responses import Responses
from wormio.signal.signal import Signal
from wormio.signal.substitution import count_added_neurons, read_matchless_threshold

__all__ = [
    "Average",
    "BleachingFit",
    "Blocks",
    "DataSet",
    "IrregularArray",
    "Provenance",
    "Recipe",
    "RecipeStep",
    "Responses",
    "Signal",
    "Step",
    "count_added_neurons",
    "fit_bleaching",
    "load",
    "read_dataset_list",
    "read_matchless_threshold",
    "read_recipe",
    "recipe_of",
    "replay",
    "save",
]
