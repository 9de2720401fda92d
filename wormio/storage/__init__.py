"""Files that wormio writes and reads back, whatever is in them: atomic, and never trusted."""
