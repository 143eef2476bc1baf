"""Platform and lab together: one real fault, all the way to the verified fix, and the check that all of it was true."""
