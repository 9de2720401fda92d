"""The adapter keeps the contract of wormio: one test for each rule, for both kinds of file."""

from wormio.testing.conformance import AdapterConformance

from wormio_nd2.conformance import compressed, subject


class TestNd2(AdapterConformance):
    """Images as they are."""

    subject = subject


class TestCompressedNd2(AdapterConformance):
    """Images in zlib."""

    subject = compressed
