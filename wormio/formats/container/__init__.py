"""wormio's own container: any recording, whole, in one HDF5 file (docs/formats/wormio.md)."""
