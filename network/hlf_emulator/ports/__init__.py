"""What the ports of all nodes share: guards, statuses, HTTP."""
