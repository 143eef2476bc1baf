"""Samples of series: counters as rates, histograms as quantiles."""
