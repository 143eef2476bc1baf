"""An MLflow tracking server, by its REST API 2.0: nothing of MLflow's own library is imported or needed."""

from mainstay.mlops.own.mlflow.download import onnx_of
from mainstay.mlops.own.mlflow.mirror import Mirrored, mirror
from mainstay.mlops.own.mlflow.server import Mlflow

__all__ = ["Mirrored", "Mlflow", "mirror", "onnx_of"]
