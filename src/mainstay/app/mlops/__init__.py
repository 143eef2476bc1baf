"""The models in the running platform: trained, rolled out, watched."""
