"""The adapter keeps the contract of wormio: one test for each rule, for both layouts."""

from wormio.testing.conformance import AdapterConformance

from wormio_ndtiff.conformance import subject, version_2


class TestVersion3(AdapterConformance):
    """Nothing is waived."""

    subject = subject


class TestVersion2(AdapterConformance):
    """The same in the older layout, in two files."""

    subject = version_2
