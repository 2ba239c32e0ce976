"""Times outgoing HTTP calls, whichever library makes them."""
