"""What tests and authors of adapters need: a phantom whose truth is known, and its writer."""

from wormio.testing.leifer_writer import write_leifer, write_truth
from wormio.testing.neurons import Neurons
from wormio.testing.phantom import Phantom, Stimuli
from wormio.testing.scan import Scan

__all__ = ["Neurons", "Phantom", "Scan", "Stimuli", "write_leifer", "write_truth"]
