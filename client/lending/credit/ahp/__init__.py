"""Analytic Hierarchy Process: weights from pairwise comparisons. It knows numpy and no lending word."""
