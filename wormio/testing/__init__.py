"""What tests and authors of adapters need: phantoms, truths, and the conformance kit.

Importing this package loads neither pytest, hypothesis nor matplotlib.
"""

from wormio.testing.engine import CheckFailure, check_adapter
from wormio.testing.leifer_writer import write_leifer, write_truth
from wormio.testing.neurons import Neurons
from wormio.testing.phantom import Phantom, Stimuli
from wormio.testing.report import Report, Result
from wormio.testing.scan import Scan
from wormio.testing.subject import Sample, Subject, subjects_of
from wormio.testing.traces import TwoChannels, two_channels
from wormio.testing.truth import Limits, Truth, make_truth

__all__ = [
    "CheckFailure",
    "Limits",
    "Neurons",
    "Phantom",
    "Report",
    "Result",
    "Sample",
    "Scan",
    "Stimuli",
    "Subject",
    "Truth",
    "TwoChannels",
    "check_adapter",
    "make_truth",
    "subjects_of",
    "two_channels",
    "write_leifer",
    "write_truth",
]
