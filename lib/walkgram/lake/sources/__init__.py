"""Source tables of the user: paths, downloads, the generated sample, fingerprints, and readers that give DataFrames."""
