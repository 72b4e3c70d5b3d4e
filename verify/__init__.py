"""The stand-alone verifier, which shares no code with the site, and its tests."""
