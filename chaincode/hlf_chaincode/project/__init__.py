"""A contract developer's project: its settings, its first files, its command line."""
