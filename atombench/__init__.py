"""ATOM-Bench: where in the organ was this section cut?"""

__version__ = "0.1.0"

PROTOCOL = "1.0"
"""Version of samplers, labels and metrics; raised when any of them changes, so that boards never mix."""
