"""Where the pipeline runs: in this process (`local`)."""
