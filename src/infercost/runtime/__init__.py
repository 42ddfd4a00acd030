"""Running models: the only importer of ONNX and ONNX Runtime."""
