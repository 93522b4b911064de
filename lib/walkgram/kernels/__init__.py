"""Arrays in, arrays out (numpy, numba, torch): no Spark, no files, no logging."""
