"""The file of a block: samples of some volumes, with whose they are and a checksum.

::

    "wormio-block 1" LF | 8 bytes: length of the header | header, JSON | arrays | SHA-256 of all

The header names the extraction, the volumes and the arrays, which follow each other in C order,
little-endian. Nothing in it can be executed; a block that was cut, or changed in a single bit, is
known as such.
"""

from __future__ import annotations

import hashlib
import json
import math
from typing import Any

import attrs
import numpy as np

from wormio.errors import CheckpointError
from wormio.extraction.gathering import Span
from wormio.extraction.task import Samples

__all__ = ["decode", "encode"]

_MAGIC = b"wormio-block 1\n"
_LENGTH = 8
_DIGEST = hashlib.sha256().digest_size


def encode(identity: str, span: Span, samples: Samples) -> bytes:
    """Return a block as bytes.

    Parameters
    ----------
    identity : str
        Of the extraction.
    span : (int, int)
        Half-open range of volumes.
    samples : Samples
        Of these.
    """
    arrays: dict[str, Any] = {}
    payload = []
    for field in attrs.fields(Samples):
        value = getattr(samples, field.name)
        if value is None:
            arrays[field.name] = None
            continue
        array = np.ascontiguousarray(value, value.dtype.newbyteorder("<"))
        arrays[field.name] = {"dtype": array.dtype.str, "shape": list(array.shape)}
        payload.append(array.tobytes())
    header = json.dumps({"identity": identity, "volumes": list(span), "arrays": arrays}).encode()
    content = b"".join([_MAGIC, len(header).to_bytes(_LENGTH, "little"), header, *payload])
    return content + hashlib.sha256(content).digest()


def decode(content: bytes) -> tuple[str, Span, Samples]:
    """Return identity, volumes and samples of a block.

    Raises
    ------
    CheckpointError
        It is not as it was written.
    """
    body, digest = content[:-_DIGEST], content[-_DIGEST:]
    if not content.startswith(_MAGIC) or hashlib.sha256(body).digest() != digest:
        raise CheckpointError(
            "the block is damaged",
            expected="its own SHA-256 at its end",
            found=f"{len(content)} bytes that do not fit it",
        )
    start = len(_MAGIC) + _LENGTH
    length = int.from_bytes(body[len(_MAGIC) : start], "little")
    header = json.loads(body[start : start + length])
    at = start + length
    arrays: dict[str, Any] = {}
    for name, about in header["arrays"].items():
        if about is None:
            arrays[name] = None
            continue
        dtype = np.dtype(about["dtype"])
        size = math.prod(about["shape"]) * dtype.itemsize
        flat = np.frombuffer(body[at : at + size], dtype)
        arrays[name] = flat.reshape(about["shape"]).astype(dtype.newbyteorder("="))
        at += size
    first, stop = header["volumes"]
    return header["identity"], (first, stop), Samples(**arrays)
