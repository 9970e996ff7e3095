"""Published AHP data that several tests use."""

from __future__ import annotations

# R package ahpsurvey 0.4.1, README: the first six raters of city200 (a positive number says that the second
# item of the pair counts that many times the first), their eigenvector weights and consistency ratios.
CITY = ("cult", "fam", "house", "jobs", "trans")
CITY_ANSWERS = (
    (2, -2, 2, -6, -4, -4, -8, 4, -3, -8),
    (2, -4, 1, -4, -4, -2, -8, 4, -3, -7),
    (4, -2, 1, -3, -7, -3, -5, 4, -3, -6),
    (8, -4, 3, -4, -8, 1, -7, 4, -3, -9),
    (3, -3, 5, -6, -8, 1, -4, 4, -3, -6),
    (6, -4, 2, -4, -7, -2, -4, 4, -3, -6),
)
CITY_PRINTED = (
    (0.1709466, 0.4587181, 0.08547330, 0.2507636, 0.03409845, 0.06125366),
    (0.2291009, 0.3935620, 0.08292558, 0.2531962, 0.04121537, 0.02962755),
    (0.1540045, 0.4921905, 0.08239372, 0.2213908, 0.05002052, 0.06327989),
    (0.1242495, 0.4634863, 0.06162027, 0.3159930, 0.03465092, 0.09308731),
    (0.1521676, 0.3556904, 0.07239889, 0.3748108, 0.04493236, 0.10604443),
    (0.1536560, 0.4738939, 0.07106456, 0.2516808, 0.04970479, 0.10740624),
)
