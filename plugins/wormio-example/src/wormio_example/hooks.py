"""What wormio-example offers to wormio. Importing this module imports no reader."""

from __future__ import annotations

import re

from wormio.registry import Confidence, Detection, Format, Probe, hookimpl

__all__ = ["detect", "wormio_formats"]

_SIGNATURE = re.compile(rb'"format"\s*:\s*"example"')


def detect(probe: Probe) -> Detection | None:
    """Tell whether the path is one of ours. It asks the probe and opens nothing itself."""
    if not _SIGNATURE.search(probe.head("example.json")):
        return None
    missing = [name for name in ("frames.csv", "frames.raw") if not probe.has(name)]
    return Detection(
        Confidence.SIGNATURE,
        evidence=['example.json names the format "example"'],
        missing=missing,
        cure="copy the whole folder" if missing else "",
    )


@hookimpl
def wormio_formats() -> list[Format]:
    """Return the format; its code is named, and imported when a recording is opened."""
    return [
        Format(
            name="example",
            title="example recordings (folder with example.json)",
            patterns=("example.json",),
            opener="wormio_example.adapter:open",
            detect=detect,
            options="wormio_example.adapter:ExampleOptions",
            thread_safe=True,
            subject="wormio_example.conformance:subject",
        )
    ]
