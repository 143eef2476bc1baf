"""The MLOps layer over HTTP: training, rollouts, watching; one file per part."""
