"""Streams to peers, and the process around them: threads, TLS, configuration, logs."""
