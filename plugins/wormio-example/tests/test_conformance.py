"""The adapter keeps the contract of wormio: one test for each rule."""

from wormio.testing.conformance import AdapterConformance

from wormio_example.conformance import subject


class TestExample(AdapterConformance):
    """Nothing to override; what cannot be kept yet is waived in the subject, with a reason."""

    subject = subject
