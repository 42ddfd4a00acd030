"""What of ONNX Runtime is installed here."""

from __future__ import annotations

import platform

from infercost._version import __version__
from infercost.domain.diagnosis import Software
from infercost.runtime.reasons import runtime_version

__all__ = ["installed_software"]


def installed_software() -> Software:
    """Versions, and the execution providers that ONNX Runtime offers; none where it does not load."""
    try:
        import onnxruntime

        offered = tuple(onnxruntime.get_available_providers())
    except (ImportError, OSError):
        offered = ()
    # The cloud one of Azure's calls a service; it runs nothing here.
    local = tuple(name for name in offered if name != "AzureExecutionProvider")
    return Software(platform.python_version(), __version__, runtime_version(), local)
