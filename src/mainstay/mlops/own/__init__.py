"""Models of the user's own: a class in a package, an ONNX file, and what an MLflow server knows of either."""
