"""`_lifecycle`: packages, definitions, and the rules between them."""
