"""The subjects of wormio's own formats: independent writers of tiny recordings."""
