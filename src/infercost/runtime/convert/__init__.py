"""Doors in for models that are not one ``.onnx`` file: each becomes ONNX, checked against the original.

A format is recognised by content. Its framework is imported only when a model of it is opened.
"""

from __future__ import annotations

from infercost.runtime.convert.opening import Opened, Source, open_model

__all__ = ["Opened", "Source", "open_model"]
