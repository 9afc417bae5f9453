"""The parts of a clean Python backend that are easy to get subtly wrong, right under faults.

Import names from the ring they live in: `cleanarch_kit.domain`, `cleanarch_kit.application`,
`cleanarch_kit.adapters.<extra>`, `cleanarch_kit.testing`, `cleanarch_kit.errors`. This module imports nothing.
"""

__all__ = ["__version__"]

__version__ = "0.1.0"
