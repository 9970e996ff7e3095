"""What another endorser's run would do otherwise, caught with the line."""
