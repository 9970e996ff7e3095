"""Arguments, results and states as typed Python values, by their annotations."""
