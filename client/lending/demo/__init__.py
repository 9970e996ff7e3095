"""The demonstration: one loan from guidance to closing, a second beside it, then the attempts to cheat.

The only part of `lending` that knows the network tool: it brings the network up and stops a node.
"""
