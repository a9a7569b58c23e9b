"""Keys and ciphers take what they take: no deadline for a single example."""

from hypothesis import settings

settings.register_profile("cctm", deadline=None)
settings.load_profile("cctm")
