"""Use cases: short pipelines over the layers below, and the public Python API."""
