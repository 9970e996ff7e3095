"""Protocol messages in, protocol messages out: no sockets, and no clock that was not given."""
