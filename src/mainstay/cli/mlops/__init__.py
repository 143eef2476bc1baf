"""Models from the command line: training, rollouts, watching; one file per part."""
