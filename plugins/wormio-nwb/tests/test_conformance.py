"""The adapter keeps the contract of wormio: one test for each rule and kind of series."""

import pytest
from wormio.testing.conformance import AdapterConformance

from wormio_nwb.subject import multichannel, two_photon, variable_depth


class TestVariableDepth(AdapterConformance):
    subject = variable_depth


@pytest.mark.slow
class TestTwoPhoton(AdapterConformance):
    subject = two_photon


@pytest.mark.slow
class TestMultichannel(AdapterConformance):
    subject = multichannel
