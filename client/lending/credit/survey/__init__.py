"""The raters' survey: definition, session, signed response, screen, aggregation, tables (P2 4.1, 4.2)."""
