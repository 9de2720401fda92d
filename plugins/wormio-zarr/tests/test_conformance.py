"""The adapter keeps the contract of wormio: one test for each rule and each subject."""

import pytest
from wormio.testing.conformance import AdapterConformance

from wormio_zarr import conformance


class TestOme05(AdapterConformance):
    """OME-Zarr 0.5, sharded, written by the zarr library."""

    subject = conformance.ome_05


@pytest.mark.slow
class TestOme04(AdapterConformance):
    """OME-Zarr 0.4, written by hand."""

    subject = conformance.ome_04


@pytest.mark.slow
class TestTable(AdapterConformance):
    """The frame table, written by hand as README.md says; its many files make the kit slow."""

    subject = conformance.with_table
