"""A peer: proposals, chaincodes, blocks as they come."""
