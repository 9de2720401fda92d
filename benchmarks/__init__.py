"""How fast wormio is beside what it is built on; see docs/benchmarks.md."""
