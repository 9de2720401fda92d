"""The phantom and the demo: a recording whose truth is known, and the main job run on it."""
