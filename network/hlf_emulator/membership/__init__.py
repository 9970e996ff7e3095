"""Who is who, and what policies ask of whom."""
