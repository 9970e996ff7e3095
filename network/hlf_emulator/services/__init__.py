"""The services that only read: Deliver and discovery."""
