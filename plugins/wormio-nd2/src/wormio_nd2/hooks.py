"""What wormio-nd2 offers to wormio. Importing this module imports no reader."""

from __future__ import annotations

from wormio.registry import Confidence, Detection, Format, Probe, hookimpl

__all__ = ["JPEG2000", "detect", "wormio_formats"]

_MAGIC = b"\xda\xce\xbe\x0a"

JPEG2000 = b"\x00\x00\x00\x0cjP  \r\n\x87\n"
"""How the files of before 2006 begin: only with the name is it an ND2."""


def detect(probe: Probe) -> Detection | None:
    """Tell whether the path is an ND2 file. It asks the probe and opens nothing itself."""
    if probe.is_dir:
        return None
    if probe.head().startswith(_MAGIC):
        return Detection(Confidence.SIGNATURE, evidence=["the file begins with da ce be 0a"])
    if probe.path.suffix.lower() == ".nd2" and probe.head().startswith(JPEG2000):
        return Detection(
            Confidence.SIGNATURE,
            evidence=["*.nd2 that begins as JPEG 2000: an ND2 of before 2006"],
            missing=["the chunks of an ND2 of today"],
            cure="save it again with NIS-Elements: these old files are not read",
        )
    return None


@hookimpl
def wormio_formats() -> list[Format]:
    """Return the format; its code is named, and imported when a recording is opened."""
    return [
        Format(
            name="nd2",
            title="Nikon ND2 (NIS-Elements)",
            patterns=("*.nd2",),
            opener="wormio_nd2.adapter:open",
            detect=detect,
            options="wormio_nd2.options:Nd2Options",
            contents="wormio_nd2.adapter:contents",
            capabilities={"events", "mappable", "pickle"},
            thread_safe=True,
            subject=(
                "wormio_nd2.conformance:subject",
                "wormio_nd2.conformance:compressed",
            ),
        )
    ]
