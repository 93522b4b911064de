"""What is reported of the results."""
